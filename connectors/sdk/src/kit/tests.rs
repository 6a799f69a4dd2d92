use super::checks;

/// The slugs of the promises, in the order of the trait's documentation.
fn promised() -> Vec<&'static str> {
    let lines = include_str!("../connector.rs").lines().map(str::trim_start);
    lines.filter_map(|line| line.strip_prefix("/// - `")?.split('`').next()).collect()
}

#[test]
fn every_promise_has_its_check_and_every_check_its_promise() {
    let checked: Vec<&str> = checks().iter().map(|check| check.slug).collect();
    assert_eq!(checked, promised(), "the bullets of `Connector` and the checks of the kit differ");
}
