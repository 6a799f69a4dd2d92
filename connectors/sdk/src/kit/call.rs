//! Promises of every method, of `describe` and of `account`.

use super::{
    Interruption,
    trial::{Stop, Trial, Verdict, ensure, needs},
};
use crate::{Cursor, Draft, Effect, Error, Fields, Find, Kind, Native, NativeKind, Patch, Result};

pub(super) async fn names_effect(trial: &Trial<'_>) -> Verdict {
    let capabilities = trial.capabilities()?;
    let before = trial.end().await?;

    let draft = trial.draft();
    trial.interrupt(Interruption::AnswerLost)?;
    let answer = trial.create(std::slice::from_ref(&draft)).await;
    in_doubt("create", first(answer))?;
    let made = adopt(trial, &before, &draft).await?;

    let (Some(id), true) = (made, capabilities.update_batch > 0) else {
        return reading_leaves_no_doubt(trial).await;
    };
    let patch = trial.patch(&id, Fields::from([(trial.subject.text.clone(), trial.new_text())]));
    trial.interrupt(Interruption::AnswerLost)?;
    in_doubt("update", first(trial.connector.update(&trial.call, trial.object(), &[patch]).await))?;

    if capabilities.delete_batch > 0 {
        trial.interrupt(Interruption::AnswerLost)?;
        in_doubt("delete", first(trial.connector.delete(&trial.call, trial.object(), &[id]).await))?;
    }
    reading_leaves_no_doubt(trial).await
}

/// Finds the record whose answer was lost, so that it is deleted at the end.
async fn adopt(trial: &Trial<'_>, before: &Cursor, draft: &Draft) -> Verdict<Option<String>> {
    trial.settle().await;
    let listing = trial.listing(Some(before)).await?;
    let text = trial.text_of(&draft.fields);
    let found = listing.records().find(|record| trial.text_of(&record.fields) == text);
    Ok(found.map(|record| {
        trial.note(&record.address.id);
        record.address.id.clone()
    }))
}

async fn reading_leaves_no_doubt(trial: &Trial<'_>) -> Verdict {
    trial.interrupt(Interruption::ReadFails)?;
    match trial.list(None).await {
        Ok(_) => Err(Stop::Failed("a reading that was made to fail succeeded".to_owned())),
        Err(error) => {
            ensure!(error.effect == Effect::None, "a failed reading says that something may have changed: {error}");
            Ok(())
        }
    }
}

fn first<T>(answer: Result<Vec<Result<T>>>) -> Option<Error> {
    match answer {
        Err(error) => Some(error),
        Ok(items) => items.into_iter().find_map(Result::err),
    }
}

fn in_doubt(method: &str, error: Option<Error>) -> Verdict {
    let Some(error) = error else {
        return Err(Stop::Failed(format!("a `{method}` whose answer was lost says that it succeeded")));
    };
    let unknown = error.effect == Effect::Unknown;
    ensure!(unknown, "a `{method}` whose answer was lost says that nothing changed: {error}");
    Ok(())
}

pub(super) async fn batch_within_capability(trial: &Trial<'_>) -> Verdict {
    let (connector, call, object) = (trial.connector, &trial.call, trial.object());
    let capabilities = trial.capabilities()?;
    needs(capabilities.create_batch > 0, "the connector cannot create")?;

    // Whole batches are taken; of very large ones two hundred items, which is what the largest services take at once.
    let made = trial.make(capabilities.create_batch.min(200)).await?;
    let ids: Vec<&str> = made.iter().map(|made| made.id.as_str()).collect();
    let got = trial.get(&ids).await?;
    ensure!(got.len() == ids.len(), "{} ids had {} answers", ids.len(), got.len());

    let before = trial.end().await?;
    let drafts: Vec<Draft> = (0..=capabilities.create_batch).map(|_| trial.draft()).collect();
    refused("create", trial.create(&drafts).await)?;
    trial.settle().await;
    let listing = trial.listing(Some(&before)).await?;
    let texts: Vec<&Native> = drafts.iter().map(|draft| trial.text_of(&draft.fields)).collect();
    let stray = listing.records().find(|record| texts.contains(&trial.text_of(&record.fields)));
    ensure!(stray.is_none(), "a batch that was refused as too large made `{}`", stray.map_or("", |it| &it.address.id));

    let missing = |count: usize| vec![trial.subject.missing.clone(); count];
    if capabilities.get_batch > 0 {
        let ids = missing(capabilities.get_batch + 1);
        refused("get", connector.get(call, object, &ids, &trial.wanted).await)?;
    }
    if let Some(key) = trial.subject.unique.as_ref().or(trial.subject.shared.as_ref())
        && capabilities.find_batch > 0
    {
        let values: Vec<Native> = (0..=capabilities.find_batch).map(|_| trial.new_text()).collect();
        let find = Find { object, key, values: &values, fields: &trial.wanted };
        refused("find", connector.find(call, find).await)?;
    }
    if capabilities.update_batch > 0 {
        let patch = |id: &String| trial.patch(id, Fields::from([(trial.subject.text.clone(), trial.new_text())]));
        let patches: Vec<Patch> = missing(capabilities.update_batch + 1).iter().map(patch).collect();
        refused("update", connector.update(call, object, &patches).await)?;
    }
    if capabilities.delete_batch > 0 {
        let ids = missing(capabilities.delete_batch + 1);
        refused("delete", connector.delete(call, object, &ids).await)?;
    }
    Ok(())
}

fn refused<T>(method: &str, answer: Result<T>) -> Verdict {
    let Err(error) = answer else {
        return Err(Stop::Failed(format!("`{method}` takes more items than it declares")));
    };
    let fatal = error.kind == Kind::Fatal && error.effect == Effect::None;
    ensure!(fatal, "`{method}` answers a batch that is too large with {:?}, {:?}", error.kind, error.effect);
    Ok(())
}

pub(super) async fn describe_names_fields(trial: &Trial<'_>) -> Verdict {
    let schema = trial.connector.describe(&trial.call, trial.object()).await?;
    for name in &trial.wanted {
        let Some(field) = schema.field(name) else {
            return Err(Stop::Failed(format!("records carry `{name}`, and the schema does not name it")));
        };
        ensure!(field.createable, "`{name}` is given at creation, and the schema says that it cannot be");
    }
    let text = schema.field(&trial.subject.text);
    ensure!(text.is_some_and(|field| field.updateable), "`{}` cannot be changed by the schema", trial.subject.text);
    let bare = schema.fields.iter().find(|field| {
        field.restricted && matches!(field.kind, NativeKind::Choice | NativeKind::Set) && field.options.is_empty()
    });
    ensure!(bare.is_none(), "`{}` is restricted to choices that are not named", bare.map_or("", |field| &field.name));
    Ok(())
}

pub(super) async fn account_is_stable(trial: &Trial<'_>) -> Verdict {
    let first = trial.connector.account(&trial.call).await?;
    let second = trial.connector.account(&trial.call).await?;
    ensure!(!first.trim().is_empty(), "the account has no id");
    ensure!(first == second, "the account is `{first}`, then `{second}`");
    Ok(())
}

pub(super) async fn users_are_told_apart(trial: &Trial<'_>) -> Verdict {
    let users = trial.connector.users(&trial.call).await?;
    needs(!users.is_empty(), "the service names no users")?;
    let nameless = users.iter().filter(|user| user.id.trim().is_empty()).count();
    ensure!(nameless == 0, "{nameless} of {} users have no id", users.len());
    let mut ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
    ensure!(twice.is_none(), "the user {:?} comes twice", twice.map(|pair| pair[0]));
    Ok(())
}
