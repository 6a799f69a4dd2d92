//! Promises of `create`, `update`, `upsert` and `delete`.

use super::trial::{Made, Stop, Trial, Verdict, alike, ensure, needs};
use crate::{Draft, Fields, Kind, Native, Patch, Record, capability::BlankForm};

pub(super) async fn create_answers_truth(trial: &Trial<'_>) -> Verdict {
    for made in trial.make(3).await? {
        let record = there(trial, &made.id).await?;
        for (name, value) in &made.fields {
            let read = record.fields.get(name).unwrap_or(&Native::Null);
            ensure!(alike(read, value), "`{name}` was created as `{value}` and reads `{read}`");
        }
    }
    let before = trial.end().await?;
    let bad = refused_draft(trial)?;
    match trial.create(std::slice::from_ref(&bad)).await?.pop() {
        Some(Err(_)) => {}
        answer => return Err(Stop::Failed(format!("a draft that must be refused is answered by {answer:?}"))),
    }
    absent(trial, &before, &bad).await
}

pub(super) async fn create_one_bad_item(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.create_batch >= 3, "the connector does not create three at once")?;
    let drafts = [trial.draft(), refused_draft(trial)?, trial.draft()];
    let before = trial.end().await?;
    let answers = trial.create(&drafts).await?;
    let fates: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    ensure!(fates == [true, false, true], "good, bad, good are answered by {fates:?} (true: created)");
    for written in answers.iter().flatten() {
        there(trial, &written.id).await?;
    }
    absent(trial, &before, &drafts[1]).await
}

pub(super) async fn create_duplicate_is_conflict(trial: &Trial<'_>) -> Verdict {
    let Some(key) = &trial.subject.unique else {
        return Err(Stop::NotRun("no field is unique".to_owned()));
    };
    let made = one(trial).await?;
    let mut draft = trial.draft();
    let taken = made.fields.get(key).cloned().unwrap_or(Native::Null);
    draft.fields.insert(key.clone(), taken.clone());
    let Some(Err(error)) = trial.create(&[draft]).await?.pop() else {
        return Err(Stop::Failed(format!("a second record with `{key}` = `{taken}` was created")));
    };
    ensure!(error.kind == Kind::Conflict, "a taken value is answered by {:?}: {error}", error.kind);
    let named = error.other.as_deref().unwrap_or(&made.id);
    ensure!(named == made.id, "`{}` has the value, and the answer names `{named}`", made.id);
    Ok(())
}

pub(super) async fn update_answers_truth(trial: &Trial<'_>) -> Verdict {
    let made = one(trial).await?;
    let text = trial.new_text();
    let written = trial.set(&made.id, &trial.subject.text, text.clone()).await?;
    let record = there(trial, &written.id).await?;
    let read = trial.text_of(&record.fields);
    ensure!(alike(read, &text), "`{text}` was answered as written and reads `{read}`");
    for (name, told) in written.record.iter().flat_map(|record| &record.fields) {
        let read = record.fields.get(name).filter(|_| trial.wanted.contains(name)).unwrap_or(told);
        ensure!(alike(read, told), "the answer says that `{name}` is `{told}`, and it reads `{read}`");
    }
    Ok(())
}

pub(super) async fn update_leaves_others(trial: &Trial<'_>) -> Verdict {
    let made = one(trial).await?;
    let before = there(trial, &made.id).await?;
    trial.set(&made.id, &trial.subject.text, trial.new_text()).await?;
    let after = there(trial, &made.id).await?;
    for name in trial.wanted.iter().filter(|&name| *name != trial.subject.text) {
        let (was, is) = (before.fields.get(name), after.fields.get(name));
        ensure!(was == is, "`{name}` was not written and turned from {was:?} into {is:?}");
    }
    Ok(())
}

pub(super) async fn update_clears(trial: &Trial<'_>) -> Verdict {
    let made = one(trial).await?;
    let capabilities = trial.capabilities()?;
    let blank = match capabilities.forms.blank {
        BlankForm::Null => Native::Null,
        BlankForm::Empty => Native::text(""),
    };
    trial.set(&made.id, &trial.subject.text, blank).await?;
    let record = there(trial, &made.id).await?;
    match record.fields.get(&trial.subject.text) {
        Some(value) => ensure!(value.is_blank(), "a cleared field reads `{value}`"),
        None => ensure!(capabilities.omits_blanks, "a cleared field is missing from the record, as if unreadable"),
    }
    Ok(())
}

pub(super) async fn update_one_bad_item(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.update_batch >= 3, "the connector does not update three at once")?;
    let refused = refused(trial)?;
    let made = trial.make(3).await?;
    let texts: Vec<Native> = made.iter().map(|_| trial.new_text()).collect();
    let mut patches: Vec<Patch> = made
        .iter()
        .zip(&texts)
        .map(|(made, text)| trial.patch(&made.id, Fields::from([(trial.subject.text.clone(), text.clone())])))
        .collect();
    patches[1].fields.extend(refused.clone());
    let answers = trial.connector.update(&trial.call, trial.object(), &patches).await?;
    let fates: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    ensure!(fates == [true, false, true], "good, bad, good are answered by {fates:?} (true: written)");
    for ((made, text), good) in made.iter().zip(&texts).zip(fates) {
        let record = there(trial, &made.id).await?;
        let read = trial.text_of(&record.fields);
        let expected = if good { text } else { trial.text_of(&made.fields) };
        ensure!(alike(read, expected), "`{}` reads `{read}` and should read `{expected}`", made.id);
    }
    Ok(())
}

pub(super) async fn update_missing_is_gone(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.update_batch > 0, "the connector cannot update")?;
    let before = trial.end().await?;
    let mut draft = trial.draft();
    draft.fields.insert(trial.subject.text.clone(), trial.new_text());
    let patch = trial.patch(&trial.subject.missing, draft.fields.clone());
    let Some(Err(error)) = trial.connector.update(&trial.call, trial.object(), &[patch]).await?.pop() else {
        return Err(Stop::Failed("a record that does not exist was updated".to_owned()));
    };
    ensure!(error.kind == Kind::Gone, "an id that does not exist is answered by {:?}: {error}", error.kind);
    absent(trial, &before, &draft).await
}

pub(super) async fn upsert_repeats(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.upsert_batch > 0, "the connector cannot upsert")?;
    let Some(key) = &trial.subject.unique else {
        return Err(Stop::NotRun("no field is unique".to_owned()));
    };
    let before = trial.end().await?;
    let draft = trial.draft();
    let mut ids = Vec::new();
    for created in [true, false] {
        let drafts = std::slice::from_ref(&draft);
        let answer = trial.connector.upsert(&trial.call, trial.object(), key, drafts).await?.pop();
        let Some(answer) = answer else { return Err(Stop::Failed("one draft had no answer".to_owned())) };
        let written = answer?;
        trial.note(&written.id);
        ensure!(written.created == created, "`created` is {} the {} time", written.created, ids.len() + 1);
        ids.push(written.id);
    }
    ensure!(ids.first() == ids.get(1), "the same upsert twice made {ids:?}");
    trial.settle().await;
    let listing = trial.listing(Some(&before)).await?;
    let text = trial.text_of(&draft.fields);
    let other = listing
        .records()
        .find(|record| alike(trial.text_of(&record.fields), text) && Some(&record.address.id) != ids.first());
    ensure!(other.is_none(), "the same upsert twice also made `{}`", other.map_or("", |it| &it.address.id));
    Ok(())
}

pub(super) async fn delete_deletes(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.delete_batch > 0, "the connector cannot delete")?;
    let made = trial.make(2).await?;
    let ids: Vec<String> = made.iter().take(1).map(|made| made.id.clone()).collect();
    for answer in trial.connector.delete(&trial.call, trial.object(), &ids).await? {
        answer?;
    }
    for id in &ids {
        let left = trial.read(id).await?;
        ensure!(left.is_none(), "`{id}` was answered as deleted and reads as {left:?}");
    }
    for made in made.iter().skip(1) {
        there(trial, &made.id).await?;
    }
    Ok(())
}

pub(super) async fn delete_missing_is_gone(trial: &Trial<'_>) -> Verdict {
    let batch = trial.capabilities()?.delete_batch;
    needs(batch > 0, "the connector cannot delete")?;
    let made = one(trial).await?;
    let ids = [trial.subject.missing.clone(), made.id.clone()];
    let mut answers = Vec::new();
    for chunk in ids.chunks(batch) {
        answers.extend(trial.connector.delete(&trial.call, trial.object(), chunk).await?);
    }
    ensure!(answers.len() == ids.len(), "{} ids had {} answers", ids.len(), answers.len());
    if let Some(Err(error)) = answers.first() {
        ensure!(error.kind == Kind::Gone, "an id that does not exist is answered by {:?}: {error}", error.kind);
    }
    let failed = answers.get(1).and_then(|answer| answer.as_ref().err());
    ensure!(failed.is_none(), "an id that does not exist failed `{}`", made.id);
    ensure!(trial.read(&made.id).await?.is_none(), "`{}` was answered as deleted and is there", made.id);
    Ok(())
}

pub(super) async fn erase_erases(trial: &Trial<'_>) -> Verdict {
    let batch = trial.capabilities()?.erase_batch;
    needs(batch > 0, "the service has no erasure besides its deletion")?;
    let made = one(trial).await?;
    let ids = [trial.subject.missing.clone(), made.id.clone()];
    let mut answers = Vec::new();
    for chunk in ids.chunks(batch) {
        answers.extend(trial.connector.erase(&trial.call, trial.object(), chunk).await?);
    }
    ensure!(answers.len() == ids.len(), "{} ids had {} answers", ids.len(), answers.len());
    let failed = answers.get(1).and_then(|answer| answer.as_ref().err());
    ensure!(failed.is_none(), "an id that does not exist failed `{}`", made.id);
    ensure!(trial.read(&made.id).await?.is_none(), "`{}` was answered as erased and is there", made.id);
    Ok(())
}

async fn one(trial: &Trial<'_>) -> Verdict<Made> {
    let made = trial.make(1).await?.pop();
    made.ok_or_else(|| Stop::Failed("one draft made no record".to_owned()))
}

/// A record that must be there.
async fn there(trial: &Trial<'_>, id: &str) -> Verdict<Record> {
    let record = trial.read(id).await?;
    record.ok_or_else(|| Stop::Failed(format!("`{id}` was written and is not there")))
}

/// No record that came since holds this draft's text.
async fn absent(trial: &Trial<'_>, before: &crate::Cursor, draft: &Draft) -> Verdict {
    trial.settle().await;
    let listing = trial.listing(Some(before)).await?;
    let text = trial.text_of(&draft.fields);
    let stray = listing.records().find(|record| alike(trial.text_of(&record.fields), text));
    ensure!(stray.is_none(), "what was answered as failed exists as `{}`", stray.map_or("", |it| &it.address.id));
    Ok(())
}

fn refused<'a>(trial: &Trial<'a>) -> Verdict<&'a Fields> {
    let refused = trial.subject.refused.as_ref();
    refused.ok_or_else(|| Stop::NotRun("the subject names no value that the service refuses".to_owned()))
}

fn refused_draft(trial: &Trial<'_>) -> Verdict<Draft> {
    let mut draft = trial.draft();
    draft.fields.extend(refused(trial)?.clone());
    Ok(draft)
}
