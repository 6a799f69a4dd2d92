//! The connectors that are a manifest, over stand-ins that follow the services' documents, in process.

use std::{sync::Arc, time::Duration};

use hymnal_fake::{Fake, Fault, Reply, Service};
use hymnal_rest::{RestConnector, SettingValue};
use hymnal_sdk::{
    BoxFuture, Effect, Native, Request, Response, Result, Transport,
    http::TransportError,
    kit::{Interruption, Sight, Subject},
};

use crate::{
    memory::Ticking,
    services::{ADDRESS, fields, layered, secret, text},
};

/// One of Insightly's collections of people.
pub(crate) fn insightly(object: &'static str) -> (RestConnector, Subject) {
    let settings = [("api_key", secret("insightly-key")), ("base_url", text(ADDRESS))];
    let (connector, fake) = made(Service::Insightly, "insightly", &settings);
    let draft = move |number: u64| {
        let email = if object == "Leads" { "EMAIL" } else { "EMAIL_ADDRESS" };
        let (name, email_address) = (format!("Kit {number}"), format!("kit{number}@example.com"));
        let mut draft =
            fields(&[("FIRST_NAME", &name), ("LAST_NAME", "Hymnal"), (email, &email_address), ("TITLE", "Organist")]);
        if object != "Prospects" {
            draft.extend(fields(&[("Region__c", "North")]));
        }
        draft
    };
    let mut subject = Subject::new(object, draft, "FIRST_NAME", "999999999");
    subject.shared = Some("TITLE".into());
    subject.refused = (object != "Prospects").then(|| fields(&[("Tier__c", "bronze")]));
    subject.crowd = 620;
    offer(&mut subject, &fake);
    (connector, subject)
}

/// Mautic's contacts.
pub(crate) fn mautic() -> (RestConnector, Subject) {
    let settings =
        [("base_url", text(ADDRESS)), ("client_id", text("hymnal")), ("client_secret", secret("mautic-secret"))];
    let (connector, fake) = made(Service::Mautic, "mautic", &settings);
    let draft = |number: u64| {
        fields(&[
            ("email", &format!("kit{number}@example.com")),
            ("firstname", &format!("Kit {number}")),
            ("position", "Organist"),
            ("tier", "gold"),
        ])
    };
    let mut subject = Subject::new("contacts", draft, "firstname", "999999999");
    subject.unique = Some("email".into());
    subject.shared = Some("position".into());
    subject.refused = Some(fields(&[("tier", "bronze")]));
    subject.crowd = 450;
    offer(&mut subject, &fake);
    (connector, subject)
}

/// Pipedrive's persons.
pub(crate) fn pipedrive_persons() -> (RestConnector, Subject) {
    let (connector, fake) = made(Service::Pipedrive, "pipedrive", &pipedrive_settings());
    let draft = |number: u64| {
        fields(&[
            ("name", "Organist"),
            ("email", &format!("kit{number}@example.com")),
            ("phone", "+12025550100"),
            ("1111111111111111111111111111111111111111", &format!("Kit {number}")),
        ])
    };
    let mut subject = Subject::new("persons", draft, "1111111111111111111111111111111111111111", "999999999");
    subject.shared = Some("name".into());
    subject.refused = Some(fields(&[("3333333333333333333333333333333333333333", "99")]));
    subject.crowd = 620;
    offer(&mut subject, &fake);
    (connector, subject)
}

/// Pipedrive's leads.
pub(crate) fn pipedrive_leads() -> (RestConnector, Subject) {
    let (connector, fake) = made(Service::Pipedrive, "pipedrive", &pipedrive_settings());
    let draft = |number: u64| {
        let mut draft = fields(&[("title", &format!("Kit {number}"))]);
        draft.insert("person_id".into(), Native::Number("7".into()));
        draft
    };
    let mut subject = Subject::new("leads", draft, "title", "00000000-0000-4000-8000-000000000000");
    subject.shared = Some("title".into());
    subject.refused = Some(fields(&[("expected_close_date", "some day")]));
    subject.crowd = 620;
    offer(&mut subject, &fake);
    (connector, subject)
}

fn pipedrive_settings() -> [(&'static str, SettingValue); 2] {
    [("api_token", secret("pipedrive-token")), ("base_url", text(ADDRESS))]
}

/// One of Dynamics' tables of people.
pub(crate) fn dynamics(object: &'static str) -> (RestConnector, Subject) {
    let settings = [
        ("base_url", text(ADDRESS)),
        ("login_url", text(ADDRESS)),
        ("tenant_id", text("tenant")),
        ("client_id", text("hymnal")),
        ("client_secret", secret("entra-secret")),
    ];
    let (connector, fake) = made(Service::Dynamics, "dynamics", &settings);
    let draft = |number: u64| {
        fields(&[
            ("firstname", &format!("Kit {number}")),
            ("lastname", "Hymnal"),
            ("emailaddress1", &format!("kit{number}@example.com")),
            ("jobtitle", "Organist"),
            ("hymnal_id", &format!("kit-{number}")),
        ])
    };
    let mut subject = Subject::new(object, draft, "firstname", "00000000-0000-4000-8000-000000000000");
    subject.unique = Some("hymnal_id".into());
    subject.shared = Some("jobtitle".into());
    subject.refused = Some(fields(&[("industrycode", "99")]));
    subject.crowd = 1250;
    offer(&mut subject, &fake);
    (connector, subject)
}

/// Marketo's leads.
pub(crate) fn marketo() -> (RestConnector, Subject) {
    let settings = [
        ("base_url", text(ADDRESS)),
        ("client_id", text("hymnal")),
        ("client_secret", secret("marketo-secret")),
        ("list_id", text("1001")),
    ];
    let (connector, fake) = made(Service::Marketo, "marketo", &settings);
    let draft = |number: u64| {
        fields(&[
            ("email", &format!("kit{number}@example.com")),
            ("firstName", &format!("Kit {number}")),
            ("title", "Organist"),
        ])
    };
    let mut subject = Subject::new("leads", draft, "firstName", "999999999");
    subject.unique = Some("email".into());
    subject.refused = Some(fields(&[("annualRevenue", "much")]));
    subject.crowd = 620;
    offer(&mut subject, &fake);
    (connector, subject)
}

fn made(service: Service, kind: &str, settings: &[(&str, SettingValue)]) -> (RestConnector, Fake) {
    let clock = Ticking::new();
    let fake = Fake::new(service, Arc::new(clock.clone()));
    (layered(kind, settings, Arc::new(InProcess(fake.clone())), &clock), fake)
}

/// What a stand-in can do for a subject.
fn offer(subject: &mut Subject, fake: &Fake) {
    let (object, hider) = (subject.object.clone(), fake.clone());
    subject.hide = Some(Box::new(move |id, sight| hider.hide(&object, id, sight == Sight::Hidden)));
    let fake = fake.clone();
    subject.fail_next = Some(Box::new(move |interruption| {
        fake.plant(&[match interruption {
            Interruption::ReadFails => Fault::Refused,
            Interruption::AnswerLost => Fault::AnswerLost,
        }]);
    }));
}

/// A stand-in where a socket would be.
struct InProcess(Fake);

impl Transport for InProcess {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let mut asked = http::Request::new(request.body);
            *asked.method_mut() = request.method;
            *asked.uri_mut() = request.url.parse().expect("the layers make whole addresses");
            *asked.headers_mut() = request.headers;
            match self.0.answer(&asked) {
                Reply::Answered(response) => {
                    let (head, body) = response.into_parts();
                    Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
                }
                Reply::Lost => Err(TransportError {
                    message: "the connection was cut".into(),
                    effect: Effect::Unknown,
                    is_final: false,
                }),
            }
        })
    }
}
