//! What is logged: by consequence, and nothing secret or personal.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use hymnal_sdk::{Call, Http as _};
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{Service, World, answer, ok, read};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_and_nobody_by_name() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::new();
    let service = Service::new(|_, nth| match nth {
        0 => answer(502, &[]),
        1 => answer(429, &[("retry-after", "1")]),
        2 | 5 | 6 => answer(401, &[]),
        4 => answer(429, &[("retry-after", "99999")]),
        _ => ok(),
    });
    let layers = world.layers(&service);
    let person = "/lists/ada@example.com/notes?apikey=in-the-query";
    layers.send(&Call::default(), read(person)).await.unwrap();
    layers.send(&Call::default(), read(person)).await.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    layers.send(&Call::default(), read(person)).await.unwrap_err();

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for hidden in ["static-token", "ada", "in-the-query", "apikey"] {
        assert!(!log.contains(hidden), "`{hidden}` in\n{log}");
    }
    for line in [
        "WARN hymnal::http::layers: Request failed connector=\"crm\" method=GET path=\"/lists/…/notes\" status=502",
        "WARN hymnal::http::layers: The service asks for a pause connector=\"crm\" seconds=1",
        "WARN hymnal::http::layers: The service asks for a pause of absurd length, it is asked again earlier",
        "ERROR hymnal::http::login: The service refuses the login connector=\"crm\" code=\"401\"",
    ] {
        assert!(log.contains(line), "`{line}` not in\n{log}");
    }
}
