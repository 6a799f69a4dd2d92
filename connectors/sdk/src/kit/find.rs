//! Promises of `find`.

use super::trial::{Stop, Trial, Verdict, ensure, needs};
use crate::{Draft, Native, Record};

pub(super) async fn finds_all(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.find_batch > 0, "the connector cannot look up by key")?;
    let Some(key) = &trial.subject.shared else {
        return Err(Stop::NotRun("the subject names no field that several records may share".to_owned()));
    };
    let value = trial.new_text();
    let mut drafts = vec![trial.draft(), trial.draft(), trial.draft()];
    for draft in drafts.iter_mut().take(2) {
        draft.fields.insert(key.clone(), value.clone());
    }
    let made = trial.make_from(&drafts).await?;
    let found = ids(&trial.find(key, std::slice::from_ref(&value)).await?);
    let mut expected: Vec<String> = made.iter().take(2).map(|made| made.id.clone()).collect();
    expected.sort();
    ensure!(found == expected, "`{value}` is held by {expected:?}, found are {found:?}");

    let Some(key) = trial.subject.unique.as_ref().filter(|_| trial.capabilities().is_ok_and(|it| it.find_batch > 1))
    else {
        return Ok(());
    };
    let values: Vec<Native> = made.iter().filter_map(|made| made.fields.get(key).cloned()).collect();
    let wanted = values.get(..2).unwrap_or_default();
    let found = ids(&trial.find(key, wanted).await?);
    ensure!(found == expected, "{wanted:?} are held by {expected:?}, found are {found:?}");
    Ok(())
}

/// What query languages read as something else than text. Each is found by itself, among decoys that a query which
/// reads it as an operator would find too.
const SPECIAL: [&str; 12] = [
    "O'Brien",
    "say \"hi\"",
    "back\\slash",
    "%",
    "_lain",
    "*",
    "a;b,c",
    "' OR Id != '",
    "x) OR (y = 1",
    "{settings.token}",
    "a&b=c#d?e+f",
    "\\' OR 1=1",
];

pub(super) async fn quotes(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.find_batch > 0, "the connector cannot look up by key")?;
    let Some(key) = &trial.subject.shared else {
        return Err(Stop::NotRun("the subject names no field with free text that can be looked up".to_owned()));
    };
    let prefix = trial.new_text();
    let with = |text: &str| {
        let draft = trial.draft();
        let mut fields = draft.fields;
        fields.insert(key.clone(), Native::text(format!("{prefix} {text}")));
        Draft { fields, ..draft }
    };
    let drafts: Vec<Draft> = SPECIAL.into_iter().chain(["plain"]).map(with).collect();
    let made = trial.make_from(&drafts).await?;
    for made in &made {
        let value = made.fields.get(key).cloned().unwrap_or(Native::Null);
        let found = ids(&trial.find(key, std::slice::from_ref(&value)).await?);
        ensure!(found == [made.id.clone()], "`{value}` is held by `{}`, found are {found:?}", made.id);
    }
    Ok(())
}

fn ids(records: &[Record]) -> Vec<String> {
    let mut ids: Vec<String> = records.iter().map(|record| record.address.id.clone()).collect();
    ids.sort();
    ids
}
