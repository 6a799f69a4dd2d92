//! Each service that has a stand-in, kept the same as a sandbox: from two accounts that know nothing of each other to
//! quiet, over edits, a conflict, a spent limit and deletions. One story, told of every service.

mod stage;

use hymnal_fake::{Fault, Service};
use hymnal_sandbox::Side as Face;
use stage::{Play, Stage};

/// The story.
async fn lives_with_a_sandbox(play: Play) {
    let stage = Stage::new(play);

    // Two accounts that know nothing of each other: everybody is on both sides.
    stage.make_here("ada@example.com", "Ada", "Lovelace", "Analyst");
    stage.make_there("alan@example.com", "Alan", "Turing", "Reader");
    stage.settle().await;
    for email in ["ada@example.com", "alan@example.com"] {
        assert_eq!(stage.here(email), stage.there(email), "{email}");
    }
    assert_eq!(stage.here("ada@example.com"), ["Ada", "Lovelace", "Analyst"]);
    assert_eq!(stage.there("alan@example.com"), ["Alan", "Turing", "Reader"]);

    // Nothing is written while nothing changes.
    let written = stage.writes();
    for _ in 0..3 {
        stage.cycle().await;
    }
    assert_eq!(stage.writes(), written, "a cycle wrote while nothing had changed");

    // Edits go both ways; a cleared field is cleared.
    stage.edit_here("ada@example.com", "Countess");
    stage.edit_there("alan@example.com", "");
    stage.settle().await;
    assert_eq!(stage.there("ada@example.com"), ["Ada", "Lovelace", "Countess"]);
    assert_eq!(stage.here("alan@example.com"), ["Alan", "Turing", ""]);

    // Both sides at once: one value wins on both, and the other is in the log.
    assert_eq!(stage.conflicts(), 0);
    stage.edit_here("ada@example.com", "Programmer");
    stage.edit_there("ada@example.com", "Poet");
    stage.settle().await;
    assert_eq!(stage.here("ada@example.com"), stage.there("ada@example.com"));
    assert_eq!(stage.there("ada@example.com")[2], "Poet", "the later edit wins");
    assert!(stage.conflicts() > 0, "a conflict that nobody wrote down");

    // A spent limit delays and loses nothing.
    stage.fake.plant(&[Fault::Throttled, Fault::Throttled, Fault::Throttled]);
    stage.edit_there("ada@example.com", "Founder");
    stage.edit_here("alan@example.com", "Professor");
    stage.settle().await;
    assert_eq!(stage.here("ada@example.com"), ["Ada", "Lovelace", "Founder"]);
    assert_eq!(stage.there("alan@example.com"), ["Alan", "Turing", "Professor"]);

    // Whoever was deleted on one side is not made there again, and stays on the other.
    stage.delete_here("ada@example.com");
    stage.delete_there("alan@example.com");
    for _ in 0..30 {
        stage.cycle().await;
    }
    stage.edit_there("ada@example.com", "Remembered");
    stage.edit_here("alan@example.com", "Remembered");
    for _ in 0..5 {
        stage.cycle().await;
    }
    assert_eq!(stage.count_here("ada@example.com"), 0, "what a person deleted was made again");
    assert_eq!(stage.count_there("alan@example.com"), 0, "what a person deleted was made again");
    assert_eq!((stage.count_there("ada@example.com"), stage.count_here("alan@example.com")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn insightly_contacts() {
    lives_with_a_sandbox(Play {
        service: Service::Insightly,
        kind: "insightly",
        settings: "api_key = \"insightly-key\"",
        role: "sales",
        object: "Contacts",
        fields: ["EMAIL_ADDRESS", "FIRST_NAME", "LAST_NAME", "TITLE"],
        partner: Face::Hubspot,
    })
    .await;
}

/// The two halves of Insightly are kept the same as anything else; here the marketing half.
#[tokio::test(start_paused = true)]
async fn insightly_prospects() {
    lives_with_a_sandbox(Play {
        service: Service::Insightly,
        kind: "insightly",
        settings: "api_key = \"insightly-key\"",
        role: "marketing",
        object: "Prospects",
        fields: ["EMAIL_ADDRESS", "FIRST_NAME", "LAST_NAME", "TITLE"],
        partner: Face::Salesforce,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn mautic_contacts() {
    lives_with_a_sandbox(Play {
        service: Service::Mautic,
        kind: "mautic",
        settings: "username = \"hymnal\"\npassword = \"mautic-password\"",
        role: "marketing",
        object: "contacts",
        fields: ["email", "firstname", "lastname", "position"],
        partner: Face::Salesforce,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn pipedrive_persons() {
    lives_with_a_sandbox(Play {
        service: Service::Pipedrive,
        kind: "pipedrive",
        settings: "api_token = \"pipedrive-token\"",
        role: "sales",
        object: "persons",
        fields: [
            "email",
            "name",
            "1111111111111111111111111111111111111111",
            "2222222222222222222222222222222222222222",
        ],
        partner: Face::Hubspot,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dynamics_leads() {
    lives_with_a_sandbox(Play {
        service: Service::Dynamics,
        kind: "dynamics",
        settings: "login_url = \"http://127.0.0.1:9\"\ntenant_id = \"tenant\"\nclient_id = \"hymnal\"\nclient_secret = \"entra-secret\"",
        role: "sales",
        object: "leads",
        fields: ["emailaddress1", "firstname", "lastname", "jobtitle"],
        partner: Face::Hubspot,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn marketo_leads() {
    lives_with_a_sandbox(Play {
        service: Service::Marketo,
        kind: "marketo",
        settings: "client_id = \"hymnal\"\nclient_secret = \"marketo-secret\"\nlist_id = \"1001\"",
        role: "marketing",
        object: "leads",
        fields: ["email", "firstName", "lastName", "title"],
        partner: Face::Salesforce,
    })
    .await;
}
