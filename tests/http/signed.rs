//! A login that asks nobody: a token that is signed here, and renewed before it ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal_rest::{Manifest, Service as Manifested, SettingValue};
use hymnal_sdk::{Call, Http as _, LoginState, SecretString};

use crate::world::{Service, World, answer, ok, read};

/// As a user writes it: part of the run against a real Ghost.
const MANIFEST: &str = include_str!("../real/ghost/connectors/ghost/manifest.toml");

fn world() -> World {
    let settings = BTreeMap::from([
        ("base_url".to_owned(), SettingValue::Text("https://blog.example.com".to_owned())),
        ("admin_api_key".to_owned(), SettingValue::Secret(SecretString::from("6748592f:b1b5b9c1d4e5f6a7"))),
    ]);
    let manifest = Manifest::parse(MANIFEST).unwrap_or_else(|findings| panic!("{findings:#?}"));
    World { login: Manifested::new(Arc::new(manifest), &settings).unwrap().login(), ..World::new() }
}

fn tokens(service: &Service) -> Vec<String> {
    let arrived = service.arrived.lock().unwrap();
    arrived.iter().map(|(_, request)| request.headers["authorization"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_signed_token_is_renewed_before_it_ends_and_nobody_is_asked() {
    let service = Service::new(|_, _| ok());
    let layers = world().layers(&service);
    for _ in 0..40 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    let tokens = tokens(&service);
    assert!(tokens.iter().all(|token| token.starts_with("Ghost ey")), "{tokens:?}");
    let renewed: Vec<usize> = (1..tokens.len()).filter(|&nth| tokens[nth] != tokens[nth - 1]).collect();
    // Each is good for five minutes, and used for four and a half.
    assert_eq!((renewed, tokens.len()), (vec![18, 36], 40));
    assert!(service.paths().iter().all(|path| path.ends_with("/a")), "there is no request of a login");
}

#[tokio::test(start_paused = true)]
async fn a_signed_token_that_is_refused_is_signed_anew_once_then_a_person_is_needed() {
    let service = Service::new(|_, _| answer(401, &[]));
    // The answer takes a second, so that the second token is another one.
    service.travel(|_| (Duration::ZERO, Duration::from_secs(1)));
    let layers = world().layers(&service);
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert!(error.hint.is_some());
    let tokens = tokens(&service);
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{tokens:?}");
    assert_eq!(layers.health().login, LoginState::NeedsLogin);
}
