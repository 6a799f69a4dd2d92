//! Promises of `get`.

use super::trial::{Stop, Trial, Verdict, alike, ensure};
use crate::Got;

pub(super) async fn answers_each(trial: &Trial<'_>) -> Verdict {
    let made = trial.make(2).await?;
    let [first, second] = made.as_slice() else { return Err(Stop::Failed("two drafts made no two records".into())) };
    // Not in the order of creation, so that an answer in the service's own order is seen.
    let ids = [second.id.as_str(), &trial.subject.missing, &first.id];
    let answers = trial.get(&ids).await?;
    let told: Vec<Option<&str>> = answers
        .iter()
        .map(|got| match got {
            Got::Record(record) => Some(record.address.id.as_str()),
            Got::Gone => None,
        })
        .collect();
    ensure!(told == [Some(ids[0]), None, Some(ids[2])], "{ids:?} are answered by {told:?}");
    Ok(())
}

pub(super) async fn is_current(trial: &Trial<'_>) -> Verdict {
    for made in trial.make(3).await? {
        let text = trial.new_text();
        trial.set(&made.id, &trial.subject.text, text.clone()).await?;
        let Some(record) = trial.read(&made.id).await? else {
            return Err(Stop::Failed(format!("`{}` was created and is not there", made.id)));
        };
        let read = trial.text_of(&record.fields);
        ensure!(alike(read, &text), "`{text}` was written and `{read}` is read");
    }
    Ok(())
}

pub(super) async fn missing_is_gone(trial: &Trial<'_>) -> Verdict {
    let made = trial.make(1).await?;
    let Some(made) = made.first() else { return Err(Stop::Failed("one draft made no record".into())) };
    let answers = trial.get(&[&trial.subject.missing, &made.id]).await?;
    ensure!(
        matches!(answers.first(), Some(Got::Gone)),
        "`{}` is answered by {:?}",
        trial.subject.missing,
        answers.first()
    );
    ensure!(matches!(answers.get(1), Some(Got::Record(_))), "an id that does not exist failed `{}`", made.id);
    Ok(())
}
