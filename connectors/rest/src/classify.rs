//! What an answer means: the manifest's rules, then the default table of HTTP statuses.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal_sdk::{Classify, Error, Kind, Request, Response, Result, Timestamp, http::Access};

use crate::{
    json::Json,
    manifest::{
        Manifest,
        service::{Errors, Rule, Usage},
    },
    pick,
};

/// A service that asks for a longer pause is not believed.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Reads answers by a manifest's `[errors]`.
pub(crate) struct ManifestClassify {
    manifest: Arc<Manifest>,
    /// The pause in force and how long it was, for waits that grow.
    pause: Mutex<Option<(Timestamp, Duration)>>,
}

impl ManifestClassify {
    /// For this service.
    pub(crate) fn new(manifest: Arc<Manifest>) -> Self {
        Self { manifest, pause: Mutex::new(None) }
    }

    /// Until when to wait where the service does not tell. While a pause runs, further refusals (of requests that
    /// were in flight) do not lengthen it; one after it doubles it.
    fn wait(&self, rule: &Rule, now: Timestamp) -> Option<Timestamp> {
        let first = rule.wait?.0;
        let most = rule.wait_most.map_or(first, |most| most.0);
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match *pause {
            Some((until, _)) if now < until => return Some(until),
            Some((_, last)) => (last * 2).clamp(first, most),
            None => first,
        };
        let until = now.checked_add(next).ok()?;
        *pause = Some((until, next));
        Some(until)
    }
}

impl Classify for ManifestClassify {
    fn classify(&self, request: &Request, answer: &Response, now: Timestamp) -> Result<()> {
        let errors = &self.manifest.errors;
        if answer.status < 300 && !errors.when.iter().any(|rule| reads_success(rule, answer.status)) {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Ok(());
        }
        let body = Json::parse(&answer.body).unwrap_or(Json::Null);
        let rule = errors.when.iter().find(|rule| {
            (answer.status >= 300 || reads_success(rule, answer.status))
                && holds(errors, rule, &body, Some(answer.status))
        });
        if rule.is_none() && answer.status < 300 {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Ok(());
        }
        let retry_after = retry_after(answer, now);
        let mut error = error(errors, rule, &body, Some(answer.status), retry_after.is_some());
        if matches!(error.kind, Kind::Throttled | Kind::Transient) {
            error.retry_at = retry_after.or_else(|| rule.and_then(|rule| self.wait(rule, now)));
        }
        if request.access == Access::Write && rule.is_some_and(|rule| rule.in_doubt) {
            error = error.in_doubt();
        }
        Err(error)
    }

    fn daily(&self, answer: &Response) -> Option<(u64, u64)> {
        match self.manifest.limits.usage.as_ref()? {
            Usage::Fraction { header, after } => {
                let told = answer.header(header)?.split_once(after.as_str())?.1;
                let (used, limit) = told.split([',', ';']).next()?.split_once('/')?;
                Some((used.trim().parse().ok()?, limit.trim().parse().ok()?))
            }
            Usage::Remaining { limit, remaining } => {
                let limit: u64 = answer.header(limit)?.trim().parse().ok()?;
                let remaining: u64 = answer.header(remaining)?.trim().parse().ok()?;
                Some((limit.saturating_sub(remaining), limit))
            }
        }
    }
}

/// A rule that looks into answers whose status says success.
fn reads_success(rule: &Rule, status: u16) -> bool {
    rule.status.contains(&status) || (rule.status.is_empty() && rule.body.is_some())
}

/// The error that one item of a batch answers with.
pub(crate) fn item_error(errors: &Errors, body: &Json) -> Error {
    let rule = errors.when.iter().find(|rule| holds(errors, rule, body, None));
    error(errors, rule, body, None, false)
}

fn holds(errors: &Errors, rule: &Rule, body: &Json, status: Option<u16>) -> bool {
    let code = || pick::first(&errors.code, body);
    (rule.status.is_empty() || status.is_some_and(|status| rule.status.contains(&status)))
        && (rule.code.is_empty() || code().is_some_and(|code| rule.code.contains(&code)))
        && rule.text.as_ref().is_none_or(|text| {
            errors.message.iter().any(|place| pick::text(place, body, None).is_some_and(|words| words.contains(text)))
        })
        && rule.body.as_ref().is_none_or(|test| test.holds(body) == Some(true))
        && (rule.named.is_empty() || pick::first(&errors.field, body).is_some_and(|field| rule.named.contains(&field)))
        && !(rule.fieldless && pick::first(&errors.field, body).is_some())
}

fn error(errors: &Errors, rule: Option<&Rule>, body: &Json, status: Option<u16>, told_when: bool) -> Error {
    let field = pick::first(&errors.field, body);
    let by_status = status.map_or(Kind::RejectedRecord, |status| default_kind(status, told_when));
    let kind = match rule.map_or(by_status, |rule| rule.is) {
        // What cannot be pinned to a field is about the record.
        Kind::RejectedField if field.is_none() => Kind::RejectedRecord,
        kind => kind,
    };
    let spelled = status.map_or_else(|| "refused".to_owned(), |status| status.to_string());
    let code = pick::first(&errors.code, body).unwrap_or_else(|| spelled.clone());
    let message = pick::first(&errors.message, body).unwrap_or_else(|| match status {
        Some(status) => format!("the service answered with HTTP status {status}"),
        None => "the service refused this item without a word".to_owned(),
    });
    let mut error = Error::new(kind, code, message.chars().take(600).collect::<String>());
    error.hint = rule.and_then(|rule| rule.hint.clone());
    if matches!(kind, Kind::RejectedField | Kind::Fatal) {
        error.field = field;
    }
    if kind == Kind::Conflict {
        error.other = pick::first(&errors.other, body).map(|id| id.trim_end_matches(['.', ',']).to_owned());
    }
    error
}

/// Semantics of RFC 9110 (15), RFC 6585 (429, 431) and RFC 4918 (423).
fn default_kind(status: u16, told_when: bool) -> Kind {
    match status {
        401 => Kind::Auth,
        404 | 410 => Kind::Gone,
        409 | 412 | 423 => Kind::Conflict,
        413 | 414 | 431 => Kind::TooLarge,
        420 | 429 => Kind::Throttled,
        503 if told_when => Kind::Throttled,
        400 | 422 => Kind::RejectedRecord,
        408 | 425 | 500.. => Kind::Transient,
        _ => Kind::Fatal,
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), at most an hour from now.
fn retry_after(answer: &Response, now: Timestamp) -> Option<Timestamp> {
    let told = answer.header("retry-after")?.trim();
    let wait = match told.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE),
        Ok(_) => Duration::ZERO,
        Err(_) => {
            let date = Timestamp::try_from(httpdate::parse_http_date(told).ok()?).ok()?;
            Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    now.checked_add(wait.min(LONGEST_PAUSE)).ok()
}

#[cfg(test)]
mod tests;
