//! The page that `explain` shows of a person with a conflict, a value that a rule took back, one that a service keeps in
//! another form, and one that it refuses. The README shows it: what it shows is what the program says.

use std::collections::BTreeMap;

use crate::world::{Setup, World};

const README: &str = include_str!("../../README.md");

/// Ids and times differ from run to run; they are numbered in the order in which they stand.
pub(crate) fn steady(page: &str) -> String {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut ids = 0;
    let mut out = Vec::new();
    for line in page.lines() {
        let words = line.split_inclusive([' ', ',', '(', ')', ';']).map(|word| {
            let bare = word.trim_end_matches([' ', ',', '(', ')', ';']);
            let tail = &word[bare.len()..];
            let is_time = bare.len() >= 20 && bare.starts_with("20") && bare.ends_with('Z');
            let id = bare.split('.').next().unwrap_or_default();
            let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_time {
                return format!("10:11:12{tail}");
            }
            if is_id {
                let short = seen.entry(id.to_owned()).or_insert_with(|| {
                    ids += 1;
                    format!("01a206d4…{ids}")
                });
                return format!("{short}{}{tail}", &bare[id.len()..]);
            }
            word.to_owned()
        });
        out.push(words.collect::<String>().trim_end().to_owned());
    }
    out.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_person_is_the_one_in_the_readme() {
    let mut setup = Setup::new()
        .field("email", r#"{ marketing = "email", crm = "Email", type = "email" }"#)
        .field("job_title", r#"{ marketing = "jobtitle", crm = "Title", on_conflict = "manual" }"#)
        .field("company", r#"{ marketing = "company", crm = "Description", flow = "crm -> marketing" }"#)
        .field("score", r#"{ marketing = "numemployees", crm = "Lead_Score__c", type = "decimal" }"#);
    setup.fields = setup.fields.lines().filter(|line| !line.starts_with("last_name")).collect::<Vec<_>>().join("\n");
    let world: World = setup.start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.crm_edit(&crm, &[("Description", "Engines Ltd")]);
    world.converge().await;
    // A value that both changed, one that may not flow, one that sales rounds, one that is too long for it.
    let long = "Augusta Ada Byron, Countess of Lovelace and Baroness";
    world.hub_edit(
        &hub,
        &[("jobtitle", "CEO"), ("company", "Difference Inc"), ("numemployees", "41.5"), ("firstname", long)],
    );
    world.crm_edit(&crm, &[("Title", "CTO"), ("Phone", "+12125550122")]);
    world.once().await.exits(4);

    let page = world.run(&["explain", "ada@example.com"]).await.exits(0).stdout;
    // What follows depends on which system answered first.
    let (page, history) = page.split_once("\n\n  Sync history\n").expect("both parts");
    let page = steady(page);

    assert!(history.contains("crm keeps 42.0 for 41.5") && history.contains("      change "), "{history}");
    let shown = format!("```text\n{page}\n```");
    assert!(README.contains(&shown), "the README shows this page:\n{shown}");
}
