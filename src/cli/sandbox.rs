//! `sandbox`: simulated services with invented people, and a configuration that fits them.

use std::{net::SocketAddr, sync::Arc};

use hymnal_sandbox::{
    salesforce::SalesforceOptions,
    seed::people,
    server::{Running, Sandbox, SandboxOptions},
};
use hymnal_sdk::Clock;

use super::{Exit, args, out::Out};
use crate::wire::SystemClock;

/// The HubSpot-like account's token.
pub const TOKEN: &str = "pat-na1-sandbox";

/// Serves until it is told to end.
pub async fn sandbox(args: &args::Sandbox) -> Result<u8, Exit> {
    let running = start(args).await?;
    Out::text(&format!(
        "HubSpot-like service     {}\nSalesforce-like service  {}\nControl API              {}\n\n\
         People: {} in marketing, {} in sales, {} of them in both.\n\
         A configuration that fits (save it as hymnal.toml, then `hymnal -c hymnal.toml run --once`):\n\n{}\n\
         Ctrl-C ends it; nothing is kept.\n",
        running.hubspot_url,
        running.salesforce_url,
        running.control_url,
        args.marketing,
        args.sales,
        args.both,
        configuration(&running, "go", "2s", ""),
    ));
    told_to_end().await;
    running.shutdown().await;
    Ok(0)
}

/// Starts both services and invents their people.
pub async fn start(args: &args::Sandbox) -> Result<Running, Exit> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let options = SandboxOptions {
        hubspot_at: at(args.hubspot_port),
        salesforce_at: at(args.salesforce_port),
        control_at: at(args.control_port),
        // A large organisation's: a Developer Edition's 15,000 calls a day are gone within hours at a cycle a second.
        salesforce: SalesforceOptions { daily_limit: 1_000_000, ..SalesforceOptions::default() },
        ..SandboxOptions::new(clock)
    };
    let running = Sandbox::start(options)
        .await
        .map_err(|error| Exit::new(1, format!("the sandbox cannot listen: {error}"), "choose other ports"))?;
    running
        .sandbox
        .seed(&people(args.marketing, args.sales, args.both, args.seed))
        .map_err(|error| Exit::new(1, format!("the sandbox refuses its own people: {error}"), ""))?;
    Ok(running)
}

/// A configuration for the sandbox. `first_run` is `plan` or `go`, `every` the time between two cycles, `daemon` the
/// body of `[daemon]`.
pub fn configuration(running: &Running, first_run: &str, every: &str, daemon: &str) -> String {
    let (hubspot, salesforce) = (&running.hubspot_url, &running.salesforce_url);
    format!(
        r#"version = 1

[daemon]
{daemon}
[connectors.marketing]
type     = "hubspot"
role     = "marketing"
base_url = "{hubspot}"
token    = "{TOKEN}"              # a literal secret is allowed on loopback only

[connectors.crm]
type          = "salesforce"
role          = "sales"
login_url     = "{salesforce}"
auth          = "client_credentials"
client_id     = "3MVG9.sandbox"
client_secret = "sandbox-secret"

[sync.people]
between   = {{ marketing = "contacts", crm = ["Contact", "Lead"] }}
create    = {{ marketing = "contacts", crm = "Lead" }}
match     = [["email"]]
first_run = "{first_run}"
every     = "{every}"
clock_uncertainty = "1s"               # both services go by this machine's clock

[sync.people.fields]
email      = {{ marketing = "email", crm = "Email", type = "email" }}
first_name = {{ marketing = "firstname", crm = "FirstName", first_link = "prefer marketing" }}   # they typed it themselves
last_name  = {{ marketing = "lastname", crm = "LastName", default = {{ crm = "(unknown)" }}, first_link = "prefer marketing" }}
phone      = {{ marketing = "phone", crm = "Phone", type = "phone", region = "US" }}   # `on_conflict = "latest"` is the default
company    = {{ marketing = "company", crm = {{ Lead = "Company" }}, default = {{ crm = "(unknown)" }} }}
job_title  = {{ marketing = "jobtitle", crm = "Title", on_conflict = "prefer crm" }}
opted_out  = {{ marketing = "hs_email_optout", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], flow = "marketing -> crm" }}
"#
    )
}

pub(super) async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
