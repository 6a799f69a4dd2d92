//! Calls and CPU: of a cycle that finds nothing, and of changes on one side until they stand on the other and every
//! reading of them is over.

use std::time::Duration;

use hymnal::merge::Side;
use hymnal_rest::json::Json;

use crate::{
    calls::{Calls, Purpose},
    daemon::Daemon,
    services::Services,
    table::Table,
    usage,
};

const IDLE: u32 = 100;
/// For so long a change is read again: the overlap of both manifests, and two cycles.
const UNTIL_CALM: usize = 6;

/// Cycles that find nothing.
pub(crate) async fn idle(services: &Services, daemon: &Daemon, table: &mut Table) {
    let (calls, cpu, commits) = some_idle(services, daemon).await;
    let each = f64::from(IDLE);
    let lists = calls[(Side::Left, Purpose::List)] + calls[(Side::Right, Purpose::List)];
    table.row("idle cycle: list calls (three objects)", lists as f64 / each, "calls", 3.0);
    table.row("idle cycle: CPU", cpu.as_secs_f64() * 1e3 / each, "ms", 2.0);
    table.note("idle cycle: store commits (target: none)", commits as f64 / each, "commits");
}

async fn some_idle(services: &Services, daemon: &Daemon) -> (Calls, Duration, u64) {
    let mut mark = Default::default();
    services.calls(&mut mark).await;
    let (cpu, commits) = (usage::cpu(), daemon.commits());
    for _ in 0..IDLE {
        let report = daemon.cycle().await;
        assert!(report.is_quiet(), "{report:?}");
    }
    let (cpu, commits) = (usage::cpu() - cpu, daemon.commits() - commits);
    (services.calls(&mut mark).await, cpu, commits)
}

/// Changes made on one side.
pub(crate) async fn changes(services: &Services, daemon: &Daemon, from: Side, number: usize, table: &mut Table) {
    let to = from.other();
    let (thousands, name) = (number as f64 / 1000.0, direction(from));
    let rows = services.rows(from, number).await;
    services.edit(from, &rows, name).await;
    let mut mark = Default::default();
    daemon.next(services).await;
    services.calls(&mut mark).await;

    let cycle = daemon.sync().committer.new_cycle().await;
    let start = usage::cpu();
    daemon.sync().pull(cycle, from).await.unwrap();
    let pulled = usage::cpu();
    let pushed = daemon.sync().push(cycle, to).await.unwrap();
    let written = usage::cpu();
    assert!(pushed.trouble.is_none() && pushed.written.updated == number, "{number} changed, {pushed:?}");
    let first = services.calls(&mut mark).await;
    let mut later = Calls::default();
    let mut after = Duration::ZERO;
    for _ in 0..UNTIL_CALM {
        daemon.next(services).await;
        let before = usage::cpu();
        let report = daemon.cycle().await;
        after += usage::cpu() - before;
        assert!(report.written.updated == 0, "an echo was taken for a change: {report:?}");
        later += &services.calls(&mut mark).await;
    }
    // What a cycle asks for in any case is no cost of the changes.
    let lists = |side: Side, objects: usize| later[(side, Purpose::List)].saturating_sub(UNTIL_CALM * objects);
    let (left, right) = (lists(Side::Left, 1), lists(Side::Right, 2));
    let (overlap, echo) = if from == Side::Left { (left, right) } else { (right, left) };
    let each = |count: usize| count as f64 / thousands;
    let total = first.of_changes() + overlap + echo;
    let (list, read, write, read_again) = match from {
        Side::Left => (5.0, 5.0, 5.0, 5.5),
        Side::Right => (0.5, 10.0, 10.0, 10.0),
    };
    table.row(
        format!("{name}: calls per 1,000 changed"),
        each(total),
        "calls",
        1.1 * (list + read + write + read_again),
    );
    table.row(format!("{name}:   pages of changes"), each(first[(from, Purpose::List)]), "calls", list);
    table.row(format!("{name}:   verifying reads"), each(first[(to, Purpose::Read)]), "calls", read);
    table.row(format!("{name}:   writes"), each(first[(to, Purpose::Write)]), "calls", write);
    table.row(format!("{name}:   echo and overlap"), each(overlap + echo), "calls", read_again);

    let ms = |cpu: Duration| cpu.as_secs_f64() * 1e3 / thousands;
    let all = written - start + after;
    table.row(format!("{name}: CPU, page to committed, written, confirmed"), ms(all), "ms/1,000", 60.0);
    table.note(format!("{name}:   JSON page to committed"), ms(pulled - start), "ms/1,000");
    table.note(format!("{name}:   verified, marked, written"), ms(written - pulled), "ms/1,000");
    table.note(format!("{name}:   echo and overlap, {UNTIL_CALM} cycles"), ms(after), "ms/1,000");
    let parsing = [parsing(services, Side::Left).await, parsing(services, Side::Right).await];
    let [left, right] = parsing.map(|each| each.as_secs_f64() * 1e6);
    let page = if from == Side::Left { left } else { right };
    // A record is listed and listed again, verified and answered or listed again: twice by each service.
    table.note(format!("{name}: JSON parsing's share of page to committed"), 100.0 * page / ms(pulled - start), "%");
    table.note(format!("{name}: JSON parsing's share of all"), 100.0 * 2.0 * (left + right) / ms(all), "%");
}

/// What parsing one record of a page costs: of the same bytes, alone.
async fn parsing(services: &Services, side: Side) -> Duration {
    const TIMES: u32 = 200;
    let (page, records) = match side {
        Side::Left => (hubspot_page(services).await, 200),
        Side::Right => (salesforce_page(services).await, 200),
    };
    let before = usage::cpu();
    for _ in 0..TIMES {
        std::hint::black_box(Json::parse(std::hint::black_box(&page)).unwrap());
    }
    (usage::cpu() - before) / TIMES / records
}

async fn hubspot_page(services: &Services) -> Vec<u8> {
    let body = r#"{"filterGroups":[],"sorts":[],"limit":200,"after":"0","properties":["email","firstname","lastname",
        "phone","company","jobtitle","hs_email_optout","lastmodifieddate","hs_object_id","hs_merged_object_ids"]}"#;
    let request = services.client.post(format!("{}/crm/v3/objects/contacts/search", services.hubspot));
    let request = request.bearer_auth("pat-na1-sandbox").header("content-type", "application/json").body(body);
    request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

async fn salesforce_page(services: &Services) -> Vec<u8> {
    let login = services.client.post(format!("{}/services/oauth2/token", services.salesforce));
    let login = login.header("content-type", "application/x-www-form-urlencoded");
    let login = login.body("grant_type=client_credentials&client_id=3MVG9.sandbox&client_secret=sandbox-secret");
    let session = login.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    let session: serde_json::Value = serde_json::from_slice(&session).unwrap();
    let fields = "Email,FirstName,LastName,Phone,Company,Title,HasOptedOutOfEmail,Id,CreatedDate,SystemModstamp,\
                  LastModifiedById,IsDeleted,MasterRecordId,IsConverted,ConvertedContactId";
    let query = format!("{}/services/data/v67.0/query?q=SELECT+{fields}+FROM+Lead+LIMIT+200", services.salesforce);
    let request = services.client.get(query).bearer_auth(session["access_token"].as_str().unwrap());
    request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

pub(crate) fn direction(from: Side) -> &'static str {
    match from {
        Side::Left => "HubSpot > Salesforce",
        Side::Right => "Salesforce > HubSpot",
    }
}
