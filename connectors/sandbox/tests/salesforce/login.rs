use serde_json::json;

use crate::World;

const TOKEN: &str = "/services/oauth2/token";

#[track_caller]
fn denied(world: &World, form: &str, error: &str, description: &str) {
    let answer = world.send("POST", TOKEN, &[], form);
    let expected = json!({ "error": error, "error_description": description });
    assert_eq!((answer.status, answer.body), (400, expected), "{form}");
}

/// An assertion whose signature nobody made.
fn assertion(claims: &serde_json::Value) -> String {
    let encode = |text: &str| {
        let mut out = String::new();
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for chunk in text.as_bytes().chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..=chunk.len() {
                out.push(char::from(digits[(bits >> (18 - 6 * place) & 63) as usize]));
            }
        }
        out
    };
    format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(&claims.to_string()))
}

#[test]
fn client_credentials_answer_with_the_instance() {
    let world = World::new();
    let form = "grant_type=client_credentials&client_id=3MVG9.sandbox&client_secret=sandbox-secret";
    let answer = world.send("POST", TOKEN, &[], form);
    assert_eq!(answer.status, 200);
    let body = answer.body;
    assert_eq!(body["instance_url"], "http://crm.example.com");
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["id"].as_str().unwrap().starts_with("http://crm.example.com/id/00D"));
    assert!(body["access_token"].as_str().unwrap().starts_with("00D"));
    assert_eq!(body["issued_at"], "1772366400400");
    assert!(body.get("expires_in").is_none(), "the service does not tell how long a session lives");
}

#[test]
fn the_client_may_stand_in_a_basic_header() {
    let basic = ("Authorization", "Basic M01WRzkuc2FuZGJveDpzYW5kYm94LXNlY3JldA==");
    let answer = World::new().send("POST", TOKEN, &[basic], "grant_type=client_credentials");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn wrong_logins_are_denied_in_oauth_s_own_form() {
    let world = World::new();
    denied(&world, "", "invalid_request", "grant type is missing");
    denied(&world, "grant_type=magic", "unsupported_grant_type", "grant type not supported");
    let client = "grant_type=client_credentials&client_id=nobody&client_secret=sandbox-secret";
    denied(&world, client, "invalid_client_id", "client identifier invalid");
    let secret = "grant_type=client_credentials&client_id=3MVG9.sandbox&client_secret=wrong";
    denied(&world, secret, "invalid_client", "invalid client credentials");
    let refresh = "grant_type=refresh_token&client_id=3MVG9.sandbox&refresh_token=old";
    denied(&world, refresh, "invalid_grant", "expired access/refresh token");
}

#[test]
fn a_refresh_token_rotates_where_the_organisation_says_so() {
    let form = |token: &str| format!("grant_type=refresh_token&client_id=3MVG9.sandbox&refresh_token={token}");
    let kept = World::new();
    for _ in 0..2 {
        let answer = kept.send("POST", TOKEN, &[], &form("5Aep861.sandbox"));
        assert_eq!(answer.status, 200);
        assert!(answer.body.get("refresh_token").is_none());
    }
    let rotating = World::with(|options| options.rotate_refresh_token = true);
    let answer = rotating.send("POST", TOKEN, &[], &form("5Aep861.sandbox"));
    let next = answer.body["refresh_token"].as_str().unwrap().to_owned();
    denied(&rotating, &form("5Aep861.sandbox"), "invalid_grant", "expired access/refresh token");
    assert_eq!(rotating.send("POST", TOKEN, &[], &form(&next)).status, 200);
}

#[test]
fn an_assertion_is_checked_claim_by_claim() {
    let world = World::new();
    let now = 1_772_366_400;
    let good = json!({
        "iss": "3MVG9.sandbox", "sub": "sync@example.com", "aud": "https://login.salesforce.com", "exp": now + 120
    });
    let form = |claims: &serde_json::Value| {
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}", assertion(claims))
    };
    let answer = world.send("POST", TOKEN, &[], &form(&good));
    assert_eq!(answer.status, 200, "{}", answer.body);
    for (claim, value, error, description) in [
        ("iss", json!("nobody"), "invalid_client_id", "client identifier invalid"),
        ("sub", json!("nobody@example.com"), "invalid_grant", "user hasn't approved this consumer"),
        ("aud", json!("https://example.com"), "invalid_grant", "audience is invalid"),
        ("exp", json!(now - 1), "invalid_grant", "expired authorization code"),
        ("exp", json!(null), "invalid_grant", "expired authorization code"),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        denied(&world, &form(&claims), error, description);
    }
    let bearer = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    denied(&world, bearer, "invalid_request", "assertion is missing");
    denied(&world, &format!("{bearer}&assertion=x.y.z"), "invalid_grant", "invalid assertion");
}

#[test]
fn with_a_key_the_signature_counts() {
    let key = include_str!("rsa_public.pem");
    let world = World::with(|options| options.jwt_key = Some(key.to_owned()));
    let claims = json!({
        "iss": "3MVG9.sandbox", "sub": "sync@example.com", "aud": "https://login.salesforce.com", "exp": 1_772_366_520
    });
    let bearer = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=";
    denied(&world, &format!("{bearer}{}", assertion(&claims)), "invalid_grant", "invalid assertion");
    let signing = jsonwebtoken::EncodingKey::from_rsa_pem(include_bytes!("rsa_private.pem")).unwrap();
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    let signed = jsonwebtoken::encode(&header, &claims, &signing).unwrap();
    let answer = world.send("POST", TOKEN, &[], &format!("{bearer}{signed}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_session_ends_when_it_is_not_used() {
    let mut world = World::new();
    world.pass(7_000);
    assert_eq!(world.get("/limits").status, 200);
    world.pass(7_000);
    assert_eq!(world.get("/limits").status, 200, "the use before has renewed it");
    world.pass(7_201);
    let answer = world.get("/limits");
    answer.refused(401, "INVALID_SESSION_ID");
    assert_eq!(answer.message(), "Session expired or invalid");
    world.log_in();
    assert_eq!(world.get("/limits").status, 200);
    world.org.end_sessions();
    world.get("/limits").refused(401, "INVALID_SESSION_ID");
}

#[test]
fn without_a_session_only_the_versions_are_told() {
    let world = World::new();
    let versions = world.send("GET", "/services/data", &[], "");
    assert_eq!(versions.body[0]["version"], "58.0");
    assert_eq!(versions.body[9]["url"], "/services/data/v67.0");
    world.send("GET", "/limits", &[], "").refused(401, "INVALID_SESSION_ID");
    world.send("GET", "/limits", &[("Authorization", "Token x")], "").refused(401, "INVALID_AUTH_HEADER");
    world.get("/services/data/v99.0/limits").refused(404, "NOT_FOUND");
}

#[test]
fn userinfo_names_the_user() {
    let world = World::new();
    let info = world.get("/services/oauth2/userinfo");
    assert_eq!(info.body["preferred_username"], "sync@example.com");
    assert_eq!(world.send("GET", "/services/oauth2/userinfo", &[], "").status, 403);
}
