//! The built-in manifests read, and a bad one says where and why.

use super::*;

#[test]
fn built_in_manifests_are_clean() {
    for (kind, text) in builtin() {
        match Manifest::parse(text) {
            Ok(manifest) => assert_eq!(manifest.kind, *kind),
            Err(findings) => panic!("{kind}: {findings:#?}"),
        }
        assert!(text.lines().count() <= 300, "{kind} is longer than a manifest may be");
    }
}

fn hubspot() -> &'static str {
    builtin().iter().find(|(kind, _)| *kind == "hubspot").expect("a built-in manifest").1
}

fn hubspot_with(from: &str, to: &str) -> Vec<lint::Finding> {
    let text = hubspot();
    assert!(text.contains(from), "the manifest no longer has `{from}`");
    lint::lint(&text.replacen(from, to, 1))
}

#[test]
fn an_unknown_placeholder_is_shown_at_its_place() {
    let findings = hubspot_with("path = \"/account-info/v3/details\"", "path = \"/account/{acount}\"");
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("`{acount}`"), "{findings:?}");
    let line = hubspot().lines().position(|line| line.contains("/account-info/")).expect("the line") + 1;
    assert_eq!(findings[0].line, line);
}

#[test]
fn an_unknown_key_is_shown_with_the_known_ones() {
    let findings = hubspot_with("status = \"documents\"", "status = \"documents\"\nversoin = 3");
    assert_eq!((findings.len(), findings[0].line, findings[0].column), (1, 7, 1));
    assert!(findings[0].message.contains("versoin"), "{findings:?}");
}

#[test]
fn everything_is_said_at_once_with_what_was_meant() {
    let text = hubspot()
        .replacen("status = \"documents\"", "statsu = \"documents\"\nstatus = \"documents\"", 1)
        .replacen("token = \"{settings.token}\"", "token = \"{settings.tokn}\"", 1);
    let findings = lint::lint(&text);
    let line = |needle: &str| text.lines().position(|line| line.contains(needle)).expect("the line") + 1;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!((findings[0].line, findings[1].line), (line("statsu"), line("{settings.tokn}")));
    assert!(findings[0].hint.as_deref().is_some_and(|hint| hint.contains("did you mean `status`?")), "{findings:?}");
    assert!(findings[1].hint.as_deref().is_some_and(|hint| hint.contains("did you mean `token`?")), "{findings:?}");
}

#[test]
fn what_reads_well_and_means_nothing_is_found() {
    for (from, to, message) in [
        ("token = \"{settings.token}\"", "token = \"{settings.tokn}\"", "`{settings.tokn}` is no setting"),
        ("value = \"{since}\" }] }],", "value = \"0\" }] }],", "this poll's request must say `{since}`"),
        ("item           = { id = \"{id}\" }\n", "", "`{items}` needs `item`"),
        ("item    = { id = \"{id}\" }", "item    = { id = \"{keys}\" }", "`{keys}` has no value here"),
        ("inputs = [{ id = \"{id}\" }]", "inputs = [{ id = \"1\" }]", "this request must say `{id}`"),
        (
            "inputs = [{ id = \"{id}\" }]",
            "inputs = [{ id = \"{id}\", at = \"{since}\" }]",
            "`{since}` has no value here",
        ),
        ("cap         = 10000", "cap         = 10", "`cap` is smaller than a page"),
        ("base_url       = { kind", "base_ur        = { kind", "the setting `base_url` is missing"),
        (
            "json = { inputs = \"{items}\" } }\nanswers = { by = \"id\"",
            "json = { inputs = \"x\" } }\nanswers = { by = \"id\"",
            "has no list in its request",
        ),
    ] {
        let findings = hubspot_with(from, to);
        assert!(findings.iter().any(|finding| finding.message.contains(message)), "{message}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.line > 0), "{findings:?}");
    }
}

fn with(kind: &str, from: &str, to: &str) -> Vec<lint::Finding> {
    let text = builtin().iter().find(|(known, _)| *known == kind).expect("a built-in manifest").1;
    assert!(text.contains(from), "the manifest of {kind} no longer has `{from}`");
    lint::lint(&text.replacen(from, to, 1))
}

#[test]
fn every_way_to_list_says_what_it_lacks() {
    for (kind, from, to, message) in [
        ("insightly", "updated_after_utc = \"{since}\"", "updated = \"x\"", "this window's request must say `{since}`"),
        ("insightly", "page        = 500", "page        = 1", "`page` must be at least 2"),
        ("insightly", "paginator   = { offset = {} }", "paginator   = { keyset = {} }", "`keyset` needs times"),
        (
            "insightly",
            "pairs = { path = \"CUSTOMFIELDS\"",
            "pairs = { path = \"a.b\"",
            "custom fields stand in one place",
        ),
        (
            "insightly",
            "id      = [{ path = \"INSTANCE_SUBDOMAIN\" }, { path = \"INSTANCE_NAME\" }]",
            "",
            "whose account",
        ),
        ("marketo", "nextPageToken = \"{cursor}\", fields", "fields", "this feed never moves on"),
        ("dynamics", "any_version = \"*\"\n", "", "`{version}` needs `any_version`"),
        (
            "mautic",
            "client_id     = \"{settings.client_id}\"",
            "client_id     = \"{settings.clientid}\"",
            "`{settings.clientid}`",
        ),
    ] {
        let findings = with(kind, from, to);
        assert!(findings.iter().any(|finding| finding.message.contains(message)), "{message}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.line > 0), "{findings:?}");
    }
}

#[test]
fn what_a_child_record_is_written_with_is_checked() {
    let child = |change: &str| {
        let lines = format!(
            "[objects.contacts.derived.email.child]\npath = \"ways\"\nid = \"id\"\nvalue = \"value\"\nadd = [\"add\", \"{{value}}\"]\nchange = {change}\nremove = [\"drop\", \"{{id}}\"]\n[objects.contacts.derived.do_not_email]"
        );
        with("mautic", "[objects.contacts.derived.do_not_email]", &lines)
    };
    assert_eq!(child("[\"change\", \"{id}\", \"{value}\"]"), Vec::new());
    let findings = child("[\"change\", \"{ids}\", \"{value}\"]");
    assert!(findings.iter().any(|finding| finding.message.contains("`{ids}` has no value here")), "{findings:?}");
}

#[test]
fn what_marks_a_deleted_record_is_true_of_it_or_stands_there() {
    let deleted = |mark: &str| with("mautic", "id_form", &format!("deleted = {mark}\nid_form"));
    assert_eq!(deleted("\"isDeleted\""), Vec::new());
    assert_eq!(deleted("{ path = \"active\", is = [\"0\", \"false\"] }"), Vec::new());
    assert!(!deleted("{ path = \"active\" }").is_empty());
}

#[test]
fn ways_to_log_in_that_no_setting_tells_apart_need_one_that_does() {
    let findings = with(
        "mautic",
        "username = \"{settings.username}\"\npassword = \"{settings.password}\"",
        "username = \"{settings.client_id}\"\npassword = \"{settings.client_secret}\"",
    );
    assert!(findings.iter().any(|finding| finding.message.contains("need the setting `auth`")), "{findings:?}");
}
