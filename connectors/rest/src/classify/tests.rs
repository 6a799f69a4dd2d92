//! Answers of all kinds, and what they mean.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::*;
use crate::manifest::builtin;

fn classifier(kind: &str) -> ManifestClassify {
    let text = builtin().iter().find(|(known, _)| *known == kind).unwrap().1;
    ManifestClassify::new(Arc::new(Manifest::parse(text).unwrap()))
}

fn request() -> Request {
    Request {
        method: Method::GET,
        url: "/".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        tag: "",
        cost: 1,
        access: Access::Read,
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Response { status, headers: map, body: Bytes::from(body.to_owned()) }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn every_status_has_a_meaning() {
    let classify = classifier("salesforce");
    for (status, kind) in [
        (302, Kind::Fatal),
        (400, Kind::RejectedRecord),
        (401, Kind::Auth),
        (403, Kind::Fatal),
        (404, Kind::Gone),
        (408, Kind::Transient),
        (409, Kind::Conflict),
        (410, Kind::Gone),
        (412, Kind::Conflict),
        (413, Kind::TooLarge),
        (414, Kind::TooLarge),
        (429, Kind::Throttled),
        (500, Kind::Transient),
        (502, Kind::Transient),
        (503, Kind::Transient),
        (504, Kind::Transient),
    ] {
        let error = classify.classify(&request(), &answer(status, &[], "<html>no</html>"), at(NOON)).unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert!(!error.message.is_empty() && !error.code.is_empty());
    }
    for status in [200, 201, 204, 207] {
        assert!(classify.classify(&request(), &answer(status, &[], ""), at(NOON)).is_ok());
    }
}

#[test]
fn retry_after_is_obeyed_in_both_forms_and_never_for_more_than_an_hour() {
    let classify = classifier("salesforce");
    for (told, until) in [
        ("7", "2026-11-23T12:00:07Z"),
        ("Mon, 23 Nov 2026 12:01:30 GMT", "2026-11-23T12:01:30Z"),
        ("Mon, 23 Nov 2026 11:00:00 GMT", NOON),
        ("999999999", "2026-11-23T13:00:00Z"),
        ("1e300", "2026-11-23T13:00:00Z"),
        ("Mon, 23 Nov 2099 12:00:00 GMT", "2026-11-23T13:00:00Z"),
        ("-5", NOON),
    ] {
        for status in [429, 503] {
            let error =
                classify.classify(&request(), &answer(status, &[("retry-after", told)], ""), at(NOON)).unwrap_err();
            assert_eq!((error.kind, error.retry_at), (Kind::Throttled, Some(at(until))), "{told}");
        }
    }
    let error = classify.classify(&request(), &answer(429, &[("retry-after", "soon")], ""), at(NOON)).unwrap_err();
    assert_eq!(error.retry_at, None);
}

#[test]
fn a_wait_that_nobody_names_grows_until_something_succeeds() {
    let classify = classifier("salesforce");
    let refused =
        answer(403, &[], r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#);
    let wait = |now: Timestamp| {
        let error = classify.classify(&request(), &refused, now).unwrap_err();
        assert_eq!(error.kind, Kind::Throttled);
        error.retry_at.unwrap()
    };
    let mut now = at(NOON);
    assert_eq!(wait(now), at("2026-11-23T12:00:30Z"));
    assert_eq!(wait(at("2026-11-23T12:00:10Z")), at("2026-11-23T12:00:30Z"), "the same refusal, seen twice");
    for seconds in [30, 60, 120, 240, 480, 900, 900] {
        let until = if seconds == 30 { at("2026-11-23T12:00:30Z") } else { wait(now) };
        assert_eq!(until.duration_since(now).as_secs(), seconds);
        now = until;
    }
    assert!(classify.classify(&request(), &answer(200, &[], "{}"), now).is_ok());
    assert_eq!(wait(now).duration_since(now).as_secs(), 30);
}

#[test]
fn the_daily_quota_is_read_from_headers() {
    let salesforce = classifier("salesforce");
    assert_eq!(salesforce.daily(&answer(200, &[("sforce-limit-info", "api-usage=18/5000")], "")), Some((18, 5000)));
    let both = "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)";
    assert_eq!(salesforce.daily(&answer(200, &[("sforce-limit-info", both)], "")), Some((25, 5000)));
    assert_eq!(salesforce.daily(&answer(200, &[], "")), None);
    let hubspot = classifier("hubspot");
    let headers = [("x-hubspot-ratelimit-daily", "650000"), ("x-hubspot-ratelimit-daily-remaining", "649900")];
    assert_eq!(hubspot.daily(&answer(200, &headers, "")), Some((100, 650_000)));
}

#[test]
fn a_field_that_nobody_names_makes_it_about_the_record() {
    let manifest = Manifest::parse(builtin().iter().find(|(kind, _)| *kind == "salesforce").unwrap().1).unwrap();
    let named = Json::parse(br#"{"statusCode":"STRING_TOO_LONG","message":"m","fields":["LastName"]}"#).unwrap();
    let nameless = Json::parse(br#"{"statusCode":"STRING_TOO_LONG","message":"m","fields":[]}"#).unwrap();
    let error = item_error(&manifest.errors, &named);
    assert_eq!((error.kind, error.field.as_deref()), (Kind::RejectedField, Some("LastName")));
    assert_eq!(item_error(&manifest.errors, &nameless).kind, Kind::RejectedRecord);
    assert_eq!(item_error(&manifest.errors, &Json::Null).kind, Kind::RejectedRecord);
}
