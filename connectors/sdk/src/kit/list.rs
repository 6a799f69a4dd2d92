//! Promises of `list` and `deletions`.

use std::collections::BTreeSet;

use super::{
    Interruption, Sight,
    trial::{Listing, Stop, Trial, Verdict, ensure, needs},
};
use crate::{Archived, Cursor, Deleted, Deletions, Fate, ListKind, Next, Record, State};

pub(super) async fn never_skips(trial: &Trial<'_>) -> Verdict {
    let (made, _) = trial.crowd().await?;
    let ids: BTreeSet<&str> = made.iter().map(|made| made.id.as_str()).collect();
    let ours = |records: &[Record]| -> Vec<String> {
        let listed = records.iter().map(|record| &record.address.id);
        listed.filter(|id| ids.contains(id.as_str())).cloned().collect()
    };
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut touched = None;
    let mut cursor: Option<Cursor> = None;
    // From the beginning of time. As soon as one of ours has come it is changed, so that the pages behind it shift.
    loop {
        let page = trial.list(cursor.as_ref()).await?;
        let new = ours(&page.records);
        if touched.is_none() && trial.capabilities()?.update_batch > 0 {
            touched = new.first().cloned();
            if let Some(id) = &touched {
                trial.set(id, &trial.subject.text, trial.new_text()).await?;
            }
        }
        seen.extend(new);
        match page.next {
            Next::More(next) => cursor = Some(next),
            Next::Done(_) => break,
        }
    }
    let missed: Vec<&str> = ids.iter().copied().filter(|&id| !seen.contains(id)).collect();
    let some = missed.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    ensure!(missed.is_empty(), "{} of {} records are missing from the listing: {some}", missed.len(), made.len());
    Ok(())
}

pub(super) async fn resumes(trial: &Trial<'_>) -> Verdict {
    let (made, before) = trial.crowd().await?;
    let first = trial.list(Some(&before)).await?;
    let cursor = more(&first.next)?;
    let given: BTreeSet<&str> = first.records.iter().map(|record| record.address.id.as_str()).collect();
    let rest = || made.iter().filter(|made| !given.contains(made.id.as_str()));

    let resumed = trial.listing(Some(&cursor)).await?;
    let missed: Vec<&str> = rest().map(|made| made.id.as_str()).filter(|id| !resumed.has(id)).collect();
    ensure!(missed.is_empty(), "a listing that goes on behind its first page misses {missed:?}");

    // What was given already and changes then has to come again: in the rest of this listing, or, where that is the
    // whole list or a result that the service froze when it began, in the next.
    let changed = made.iter().find(|made| given.contains(made.id.as_str()));
    let Some(changed) = changed.filter(|_| trial.capabilities().is_ok_and(|it| it.update_batch > 0)) else {
        return Ok(());
    };
    let text = trial.new_text();
    trial.set(&changed.id, &trial.subject.text, text.clone()).await?;
    trial.settle().await;
    let rest = trial.listing(Some(&cursor)).await?;
    let next = trial.listing(Some(&rest.done)).await?;
    let is_changed = |record: &Record| record.address.id == changed.id && trial.text_of(&record.fields) == &text;
    let shown = rest.records().chain(next.records()).any(is_changed);
    ensure!(shown, "`{}` was changed after its page and does not come again", changed.id);
    Ok(())
}

pub(super) async fn ends(trial: &Trial<'_>) -> Verdict {
    trial.make(3).await?;
    trial.settle().await;
    let done = trial.end().await?;
    trial.listing(Some(&done)).await?;
    Ok(())
}

pub(super) async fn sees_changes(trial: &Trial<'_>) -> Verdict {
    let old = trial.make(1).await?;
    trial.settle().await;
    let done = trial.end().await?;
    let new = trial.make(1).await?;
    let text = trial.new_text();
    let updates = trial.capabilities()?.update_batch > 0;
    if let Some(old) = old.first().filter(|_| updates) {
        trial.set(&old.id, &trial.subject.text, text.clone()).await?;
    }
    trial.settle().await;
    let listing = trial.listing(Some(&done)).await?;
    for made in &new {
        ensure!(listing.has(&made.id), "`{}` was created after the cursor and is not listed", made.id);
    }
    for made in old.iter().filter(|_| updates) {
        let shown =
            listing.records().any(|record| record.address.id == made.id && trial.text_of(&record.fields) == &text);
        ensure!(shown, "`{}` was changed after the cursor and is not listed as it is now", made.id);
    }
    Ok(())
}

pub(super) async fn oldest_first(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.list == ListKind::Changes, "the list is not by time of change")?;
    let (_, before) = trial.crowd().await?;
    let listing = trial.listing(Some(&before)).await?;
    let mut latest = None;
    for record in listing.records() {
        let id = &record.address.id;
        ensure!(record.modified_at.is_some(), "`{id}` is listed by time of change and has none");
        ensure!(record.modified_at >= latest, "`{id}` comes after a record that was changed later");
        latest = record.modified_at;
    }
    Ok(())
}

pub(super) async fn fault_resumes(trial: &Trial<'_>) -> Verdict {
    let (made, before) = trial.crowd().await?;
    let first = trial.list(Some(&before)).await?;
    let cursor = more(&first.next)?;
    trial.interrupt(Interruption::ReadFails)?;
    ensure!(trial.list(Some(&cursor)).await.is_err(), "a page that was made to fail did not");
    let rest = trial.listing(Some(&cursor)).await?;
    let given = |id: &str| first.records.iter().any(|record| record.address.id == id);
    let missed: Vec<&str> = made.iter().map(|made| made.id.as_str()).filter(|id| !given(id) && !rest.has(id)).collect();
    ensure!(missed.is_empty(), "after a failed page {missed:?} are missing");
    Ok(())
}

fn more(next: &Next) -> Verdict<Cursor> {
    match next {
        Next::More(cursor) => Ok(cursor.clone()),
        Next::Done(_) => Err(Stop::Failed("more records than a page holds are listed on one".to_owned())),
    }
}

pub(super) async fn deletions_name_deleted(trial: &Trial<'_>) -> Verdict {
    needs(trial.capabilities()?.delete_batch > 0, "the connector cannot delete")?;
    let before = if is_listed(trial)? { None } else { Some(deletions_end(trial).await?) };
    let made = trial.make(2).await?;
    let listed_before = trial.end().await?;
    let ids: Vec<String> = made.iter().take(1).map(|made| made.id.clone()).collect();
    for answer in trial.connector.delete(&trial.call, trial.object(), &ids).await? {
        answer?;
    }
    trial.settle().await;
    let named = match before {
        Some(before) => deletions(trial, Some(before)).await?.0,
        None => deleted_among(&trial.listing(Some(&listed_before)).await?),
    };
    let told = named.iter().any(|deleted| ids.contains(&deleted.address.id) && deleted.fate == Fate::Deleted);
    ensure!(told, "`{}` was deleted and is not named", ids.join(", "));
    Ok(())
}

pub(super) async fn deletions_never_guess(trial: &Trial<'_>) -> Verdict {
    let before = if is_listed(trial)? { None } else { Some(deletions_end(trial).await?) };
    let Some(hide) = &trial.subject.hide else {
        return Err(Stop::NotRun("the subject cannot hide a record".to_owned()));
    };
    let made = trial.make(2).await?;
    let listed_before = trial.end().await?;
    made.iter().take(1).for_each(|made| hide(&made.id, Sight::Hidden));
    trial.settle().await;
    let named = match before {
        Some(before) => deletions(trial, Some(before)).await.map(|(named, _)| named),
        None => trial.listing(Some(&listed_before)).await.map(|listing| deleted_among(&listing)),
    };
    made.iter().take(1).for_each(|made| hide(&made.id, Sight::Shown));
    let named = named?;
    let guessed = named.iter().find(|deleted| made.iter().any(|made| made.id == deleted.address.id));
    ensure!(guessed.is_none(), "a record that exists is named as deleted: {guessed:?}");
    Ok(())
}

/// Deletions come with the changes.
fn is_listed(trial: &Trial<'_>) -> Verdict<bool> {
    Ok(trial.capabilities()?.deletions == Deletions::Listed)
}

fn deleted_among(listing: &Listing) -> Vec<Deleted> {
    let deleted = listing.records().filter(|record| record.state == State::Deleted);
    deleted
        .map(|record| Deleted { address: record.address.clone(), at: record.modified_at, fate: Fate::Deleted })
        .collect()
}

async fn deletions_end(trial: &Trial<'_>) -> Verdict<Cursor> {
    needs(trial.capabilities()?.deletions != Deletions::Unknown, "the service does not tell of deletions")?;
    Ok(deletions(trial, None).await?.1)
}

async fn deletions(trial: &Trial<'_>, mut cursor: Option<Cursor>) -> Verdict<(Vec<Deleted>, Cursor)> {
    let mut named = Vec::new();
    for _ in 0..100_000 {
        let page = trial.connector.deletions(&trial.call, trial.object(), cursor.as_ref()).await?;
        let Archived { records, next } = page;
        named.extend(records);
        match next {
            Next::Done(done) => return Ok((named, done)),
            Next::More(more) => cursor = Some(more),
        }
    }
    Err(Stop::Failed("a list of deletions has not ended after 100,000 pages".to_owned()))
}
