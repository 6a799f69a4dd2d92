//! Every way to log in, and what comes back.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::{
    manifest::{Manifest, builtin},
    service::{Service, SettingValue},
};

/// An RSA key made for these tests and used nowhere else.
const KEY: &str = include_str!("key.pem");
const PUBLIC: &str = include_str!("key.pub.pem");

fn service(kind: &str, settings: &[(&str, &str)]) -> Result<Service> {
    let text = builtin().iter().find(|(known, _)| *known == kind).unwrap().1;
    let secrets = ["token", "client_secret", "private_key"];
    let settings: BTreeMap<String, SettingValue> = settings
        .iter()
        .map(|(name, value)| {
            let value = if secrets.contains(name) {
                SettingValue::Secret(SecretString::from((*value).to_owned()))
            } else {
                SettingValue::Text((*value).to_owned())
            };
            ((*name).to_owned(), value)
        })
        .collect();
    Service::new(Arc::new(Manifest::parse(text).unwrap()), &settings)
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn form(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: HeaderMap::new(), body: Bytes::from(body.to_owned()) }
}

const GRANTED: &str = r#"{"access_token":"00Dx!AQ","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00D000000000001EAA/005x","token_type":"Bearer","issued_at":"1","signature":"s"}"#;

#[test]
fn a_static_token_needs_no_request() {
    let login = service("hubspot", &[("token", "pat-1")]).unwrap().login();
    assert!(login.request(now(), None).unwrap().is_none());
    let session = login.session(None, now()).unwrap();
    assert_eq!((session.base_url.as_str(), session.expires_at), ("https://api.hubapi.com", None));
    let mut request = service_request();
    login.sign(&session, &mut request);
    let value = &request.headers["authorization"];
    assert_eq!(value, "Bearer pat-1");
    assert!(value.is_sensitive(), "it must not show in a debug print");
}

fn service_request() -> Request {
    Request {
        method: http::Method::GET,
        url: "/".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        tag: "",
        cost: 1,
        access: Access::Read,
    }
}

#[test]
fn name_and_password() {
    let text = include_str!("../../tests/list-server/manifest.toml");
    let given =
        [("base_url", "http://127.0.0.1:8001"), ("username", "restadmin"), ("password", "restpass"), ("list_id", "a")];
    let settings = given.iter().map(|(name, value)| ((*name).to_owned(), SettingValue::Text((*value).to_owned())));
    let service = Service::new(Arc::new(Manifest::parse(text).unwrap()), &settings.collect()).unwrap();
    let session = service.login().session(None, now()).unwrap();
    let mut request = service_request();
    service.login().sign(&session, &mut request);
    assert_eq!(request.headers["authorization"], "Basic cmVzdGFkbWluOnJlc3RwYXNz");
}

#[test]
fn client_credentials() {
    let service = service(
        "salesforce",
        &[
            ("auth", "client_credentials"),
            ("client_id", "id&"),
            ("client_secret", "s="),
            ("login_url", "https://acme.my.salesforce.com/"),
        ],
    )
    .unwrap();
    let request = service.login().request(now(), None).unwrap().unwrap();
    assert_eq!(request.url, "https://acme.my.salesforce.com/services/oauth2/token");
    let form = form(&request);
    assert_eq!(
        (form["grant_type"].as_str(), form["client_id"].as_str(), form["client_secret"].as_str()),
        ("client_credentials", "id&", "s=")
    );
    let session = service.login().session(Some(&answer(200, GRANTED)), now()).unwrap();
    assert_eq!(session.base_url, "https://acme.my.salesforce.com");
    let mut signed = service_request();
    service.login().sign(&session, &mut signed);
    assert_eq!(signed.headers["authorization"], "Bearer 00Dx!AQ");
}

#[test]
fn a_jwt_that_the_service_can_check() {
    #[derive(Debug, serde::Deserialize)]
    struct Read {
        iss: String,
        sub: String,
        aud: String,
        exp: i64,
    }
    let service = service(
        "salesforce",
        &[("auth", "jwt"), ("client_id", "3MVG9"), ("username", "sync@example.com"), ("private_key", KEY)],
    )
    .unwrap();
    let request = service.login().request(now(), None).unwrap().unwrap();
    let form = form(&request);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let mut check = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    check.validate_exp = false;
    check.set_audience(&["https://login.salesforce.com"]);
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
    let read: Read = jsonwebtoken::decode(&form["assertion"], &key, &check).unwrap().claims;
    assert_eq!(
        (read.iss.as_str(), read.sub.as_str(), read.aud.as_str()),
        ("3MVG9", "sync@example.com", "https://login.salesforce.com")
    );
    assert_eq!(read.exp, now().as_second() + 180);
}

#[test]
fn a_refresh_token_is_needed_sent_once_and_replaced() {
    let service =
        service("salesforce", &[("auth", "refresh"), ("client_id", "id"), ("client_secret", "secret")]).unwrap();
    let login = service.login();
    let error = login.request(now(), None).unwrap_err();
    assert_eq!((error.kind, error.hint.as_deref()), (Kind::Auth, Some("run `hymnal login`")));
    let request = login.request(now(), Some(&SecretString::from("r1"))).unwrap().unwrap();
    assert_eq!(form(&request)["refresh_token"], "r1");
    assert_eq!(request.access, Access::Write, "a rotating token must not be sent twice");
    let rotated = GRANTED.replacen('{', "{\"refresh_token\":\"r2\",\"expires_in\":3600,", 1);
    let session = login.session(Some(&answer(200, &rotated)), now()).unwrap();
    assert_eq!(session.refresh.unwrap().expose_secret(), "r2");
    assert_eq!(session.expires_at, Some("2026-11-23T13:00:00Z".parse().unwrap()));
}

#[test]
fn what_a_login_can_answer() {
    let settings = [("auth", "client_credentials"), ("client_id", "id"), ("client_secret", "secret")];
    let login = service("salesforce", &settings).unwrap().login();
    for (status, body, kind) in [
        (400, r#"{"error":"invalid_grant","error_description":"authentication failure"}"#, Kind::Auth),
        (401, "{}", Kind::Auth),
        (429, "", Kind::Throttled),
        (503, "<html>", Kind::Transient),
        (404, "", Kind::Fatal),
        (200, "{}", Kind::Transient),
        (200, r#"{"access_token":"t"}"#, Kind::Transient),
        (200, r#"{"access_token":"t","instance_url":"http://acme.example.com"}"#, Kind::Fatal),
    ] {
        assert_eq!(login.session(Some(&answer(status, body)), now()).unwrap_err().kind, kind, "{status} {body}");
    }
    let error = login.session(Some(&answer(400, r#"{"error":"invalid_grant","error_description":"no"}"#)), now());
    let error = error.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("invalid_grant", "no"));
}

#[test]
fn a_base_url_in_the_settings_wins() {
    let settings = [
        ("auth", "client_credentials"),
        ("client_id", "i"),
        ("client_secret", "s"),
        ("base_url", "http://127.0.0.1:9/"),
    ];
    let login = service("salesforce", &settings).unwrap().login();
    let session = login.session(Some(&answer(200, GRANTED)), now()).unwrap();
    assert_eq!(session.base_url, "http://127.0.0.1:9");
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    for (kind, settings, word) in [
        ("hubspot", vec![], "`token`"),
        ("hubspot", vec![("token", "t"), ("tokn", "t")], "`tokn`"),
        ("salesforce", vec![("auth", "magic")], "`auth`"),
        ("salesforce", vec![("auth", "jwt"), ("client_id", "i"), ("username", "u")], "`private_key`"),
        (
            "salesforce",
            vec![("auth", "jwt"), ("client_id", "i"), ("username", "u"), ("private_key", "no")],
            "private key",
        ),
    ] {
        let error = service(kind, &settings).err().unwrap();
        assert!(error.message.contains(word), "{}", error.message);
        assert_eq!(error.kind, Kind::Fatal);
    }
}
