//! The connectors that are a manifest, over stand-ins that follow the services' documents, in process.

use std::{sync::Arc, time::Duration};

use hymnal_fake::{Fake, Fault, Reply, Service};
use hymnal_rest::{RestConnector, SettingValue};
use hymnal_sdk::{
    BoxFuture, Effect, Request, Response, Result, Transport,
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
