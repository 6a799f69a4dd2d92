//! The day: what people do, and what is shown of what Hymnal made of it.

use hymnal_sandbox::Side::{self, Hubspot, Salesforce};

use self::{
    Deed::{Delete, Edit, Later, Refuse, Unsubscribe},
    Field::{FirstName, Phone, Title},
};

/// A scene.
pub(super) struct Scene {
    /// What it shows.
    pub(super) title: &'static str,
    /// What a reader should know of it.
    pub(super) about: &'static str,
    /// When the deeds happen.
    pub(super) pace: Pace,
    /// What people do, in order.
    pub(super) deeds: &'static [Deed],
    /// What is waited for and shown, in order.
    pub(super) shows: &'static [Show],
}

/// When the deeds of a scene happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// While Hymnal reads and writes.
    Meanwhile,
    /// All of them between two cycles, as within the 30 s that lie between two cycles by default.
    BetweenTwoCycles,
}

/// What somebody, or something, does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// Somebody changes a field; an empty text clears it.
    Edit {
        /// The number of the person in the cast.
        who: usize,
        /// In which service.
        at: Side,
        /// Which field.
        field: Field,
        /// What is typed.
        to: &'static str,
    },
    /// A contact unsubscribes from all e-mail, in the HubSpot-like service.
    Unsubscribe {
        /// The number of the person in the cast.
        who: usize,
    },
    /// Somebody deletes the record in the Salesforce-like service.
    Delete {
        /// The number of the person in the cast.
        who: usize,
    },
    /// The HubSpot-like service answers the next request with 429 and `Retry-After`.
    Refuse {
        /// Seconds.
        seconds: u32,
    },
    /// Time goes by: more than the clocks of two services may differ.
    Later,
}

/// A field that people edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The phone.
    Phone,
    /// The job title.
    Title,
    /// The first name.
    FirstName,
}

/// What is waited for and shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Show {
    /// Each edited field until both services hold the same, each unsubscribed person until opted out in both.
    Arrivals,
    /// Who set a field, by which rule.
    Why(usize, Field),
    /// What of this scene stands in the conflict log.
    Conflicts,
    /// In which order the Salesforce-like service was written to.
    Order,
    /// A deletion, its grace, and that nothing is made again.
    Deletion(usize),
    /// That a refusing service is left alone for as long as it asked for.
    Silence,
}

impl Field {
    /// The canonical name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phone => "phone",
            Title => "job_title",
            FirstName => "first_name",
        }
    }

    /// The name in a service.
    pub(super) fn native(self, side: Side) -> &'static str {
        match (self, side) {
            (Phone, Hubspot) => "phone",
            (Phone, Salesforce) => "Phone",
            (Title, Hubspot) => "jobtitle",
            (Title, Salesforce) => "Title",
            (FirstName, Hubspot) => "firstname",
            (FirstName, Salesforce) => "FirstName",
        }
    }
}

/// How many people the scenes need.
pub(super) const CAST: usize = 12;

/// The day, after the initial sync.
pub(super) const DAY: &[Scene] = &[
    Scene {
        title: "One side edits: it travels, in both directions",
        about: "",
        pace: Pace::Meanwhile,
        deeds: &[
            Edit { who: 0, at: Hubspot, field: Phone, to: "(415) 555-0142" },
            Edit { who: 1, at: Salesforce, field: Title, to: "Chief Bicycle Officer" },
            Edit { who: 2, at: Hubspot, field: Phone, to: "" },
        ],
        shows: &[Show::Arrivals, Show::Why(0, Phone)],
    },
    Scene {
        title: "Both sides edit the same fields",
        about: "All of this happens between two cycles, so that Hymnal finds both sides changed. The rule for `phone` \
                is `latest`, the one for `job_title` is `prefer crm`.",
        pace: Pace::BetweenTwoCycles,
        deeds: &[
            Edit { who: 3, at: Salesforce, field: Phone, to: "(415) 555-0117" },
            Edit { who: 3, at: Salesforce, field: Title, to: "Head of Partnerships" },
            Edit { who: 3, at: Salesforce, field: FirstName, to: "Kit" },
            Later,
            Edit { who: 3, at: Hubspot, field: Phone, to: "(415) 555-0118" },
            Edit { who: 3, at: Hubspot, field: Title, to: "Head of Alliances" },
            Edit { who: 3, at: Hubspot, field: FirstName, to: "Kit" },
        ],
        shows: &[Show::Arrivals, Show::Conflicts],
    },
    Scene {
        title: "An unsubscribe goes first",
        about: "Four ordinary edits, and behind them an unsubscribe, all between two cycles.",
        pace: Pace::BetweenTwoCycles,
        deeds: &[
            Edit { who: 4, at: Hubspot, field: Title, to: "Head of Events" },
            Edit { who: 5, at: Hubspot, field: Title, to: "Head of Training" },
            Edit { who: 6, at: Hubspot, field: Phone, to: "(415) 555-0156" },
            Edit { who: 7, at: Hubspot, field: Phone, to: "(415) 555-0157" },
            Unsubscribe { who: 8 },
        ],
        shows: &[Show::Arrivals, Show::Order],
    },
    Scene {
        title: "A deleted contact is not made again",
        about: "",
        pace: Pace::Meanwhile,
        deeds: &[Delete { who: 9 }, Edit { who: 9, at: Hubspot, field: Phone, to: "(415) 555-0199" }],
        shows: &[Show::Deletion(9)],
    },
    Scene {
        title: "A service that has had enough is left alone, and nothing is lost",
        about: "",
        pace: Pace::Meanwhile,
        deeds: &[
            Refuse { seconds: 3 },
            Edit { who: 10, at: Salesforce, field: Title, to: "Director of Patience" },
            Edit { who: 11, at: Salesforce, field: Phone, to: "(415) 555-0130" },
        ],
        shows: &[Show::Silence, Show::Arrivals],
    },
];
