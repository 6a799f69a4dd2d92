//! The daemon: listeners, signals, reload, shutdown.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::BufReader,
    net::{UnixStream, unix::OwnedReadHalf},
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{schedule::keep, supervisor};
use crate::{
    server::{Answer, Refusal, Request, answer, answer_each, answer_given, health, plan::turn, socket, upkeep},
    store::StoreError,
    wire::{App, app::WireError},
};

/// A stop waits so long for the batches in flight; what is not answered by then is in doubt, and is read back at the
/// next start.
const GRACE: Duration = Duration::from_secs(20);

/// So many lines of an answer wait for their reader.
const LINES: usize = 64;

/// How often it is looked whether the state has grown.
const UPKEEP_EVERY: Duration = Duration::from_hours(1);

/// Why the daemon could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The parts could not be put together.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A listener could not be bound.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes the parts anew from the configuration file, over the same state; the message says why not.
pub type Reload = Box<dyn Fn(Purpose) -> Result<App, String> + Send>;

/// What parts are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To run.
    Run,
    /// To look at what they would do: they keep no conflict log, whose file another has open.
    Look,
}

/// What a connection to the control socket asks of the daemon itself.
enum Asked {
    /// Read the configuration again, and run by it.
    Reload(oneshot::Sender<Result<(), String>>),
    /// Only read it: what would be run by.
    Read(oneshot::Sender<Result<App, String>>),
}

/// Serves until it is told to end.
///
/// # Errors
/// A listener that cannot be bound, and a state that is refused.
pub async fn serve(app: App, reload: Reload) -> Result<(), ServeError> {
    serve_until(app, reload, std::future::pending()).await
}

/// Serves until it is told to end, or `over` is.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until(app: App, reload: Reload, over: impl Future<Output = ()>) -> Result<(), ServeError> {
    tokio::pin!(over);
    let ready = health::Ready::new(AtomicBool::new(false));
    let listen = app.config.daemon.listen;
    let failed = |address: String| move |source| ServeError::Listen { address, source };
    let web = health::bind(listen).await.map_err(failed(listen.to_string()))?;
    let state_dir = app.config.daemon.state_dir.clone();
    let control = socket::bind(&state_dir).map_err(failed(socket::path(&state_dir).display().to_string()))?;
    let mut signals = Signals::new().map_err(failed("signals".to_owned()))?;
    tokio::spawn(health::serve(web, Arc::clone(&ready)));
    let (ask, mut asked) = mpsc::channel::<Asked>(8);
    let mut app = Arc::new(app);
    let mut reload_error: Option<String> = None;
    app.begin().await?;
    let mut syncs = start(&app);
    ready.store(true, Ordering::Release);
    supervisor::ready();
    tracing::info!(listen = %listen, state = %state_dir.display(), syncs = app.syncs.len(), "Hymnal is ready");
    let mut upkeep_due = tokio::time::interval(UPKEEP_EVERY);
    let mut heart = tokio::time::interval(supervisor::watchdog().unwrap_or(Duration::from_secs(30)));
    loop {
        tokio::select! {
            () = &mut over => break,
            event = signals.next() => match event {
                Event::Stop => break,
                Event::Reload => {
                    (app, syncs) = renew(app, syncs, &reload, &mut reload_error).await?;
                }
            },
            Some(asked) = asked.recv() => match asked {
                Asked::Reload(done) => {
                    (app, syncs) = renew(app, syncs, &reload, &mut reload_error).await?;
                    let _ = done.send(reload_error.clone().map_or(Ok(()), Err));
                }
                Asked::Read(done) => {
                    let _ = done.send(reload(Purpose::Look));
                }
            },
            Some(ended) = syncs.join_next() => {
                if let Ok(Err(error)) = ended {
                    return Err(error.into());
                }
            }
            accepted = control.accept() => accept(accepted, &app, &ask, reload_error.clone()),
            _ = heart.tick() => beat(&app),
            _ = upkeep_due.tick() => drop(tokio::spawn(upkeep::compact_if_grown(Arc::clone(&app)))),
        }
    }
    supervisor::stopping();
    tracing::info!("Stopping; batches in flight are finished");
    stop(&app, syncs).await;
    let _ = std::fs::remove_file(socket::path(&state_dir));
    Ok(())
}

fn start(app: &Arc<App>) -> JoinSet<Result<(), StoreError>> {
    let mut syncs = JoinSet::new();
    for running in &app.syncs {
        syncs.spawn(keep(Arc::clone(running), Arc::clone(&app.clock)));
    }
    syncs
}

async fn stop(app: &App, mut syncs: JoinSet<Result<(), StoreError>>) {
    app.stop();
    let all = async { while syncs.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("Some answers did not come in time; they are read back at the next start");
    }
}

/// The new file is checked whole first; if it is bad, the old one stays in force.
async fn renew(
    app: Arc<App>,
    syncs: JoinSet<Result<(), StoreError>>,
    reload: &Reload,
    reload_error: &mut Option<String>,
) -> Result<(Arc<App>, JoinSet<Result<(), StoreError>>), ServeError> {
    supervisor::reloading();
    match reload(Purpose::Run) {
        Ok(new) => {
            stop(&app, syncs).await;
            drop(app);
            let new = Arc::new(new);
            new.begin().await?;
            *reload_error = None;
            tracing::info!("The configuration was read again");
            let syncs = start(&new);
            supervisor::ready();
            Ok((new, syncs))
        }
        Err(message) => {
            tracing::error!(error = message, "The new configuration is bad; the old one stays in force");
            *reload_error = Some(message);
            supervisor::ready();
            Ok((app, syncs))
        }
    }
}

fn accept(
    accepted: io::Result<(UnixStream, tokio::net::unix::SocketAddr)>,
    app: &Arc<App>,
    ask: &mpsc::Sender<Asked>,
    reload_error: Option<String>,
) {
    let Ok((stream, _)) = accepted else { return };
    let app = Arc::clone(app);
    let ask = ask.clone();
    tokio::spawn(async move {
        let (mut from, mut to) = socket::parts(stream);
        let answer = match socket::receive(&mut from).await {
            Ok(Request::Reload) => reload_now(&ask).await,
            // The syncs begin anew, by the rules of a rebuild: they are made anew too.
            Ok(request @ Request::Rebind { .. }) => match answer(&app, request).await {
                Ok(done) => reload_now(&ask).await.map(|_| done),
                Err(refusal) => Err(refusal),
            },
            Ok(Request::Backup) => match upkeep::send_backup(&app, &mut to).await {
                Ok(()) => return,
                Err(refusal) => Err(refusal),
            },
            Ok(Request::Status) => {
                answer(&app, Request::Status).await.map(|status| about_daemon(status, reload_error.as_deref()))
            }
            Ok(request @ Request::Apply { .. }) => apply(&app, request, &mut from).await,
            Ok(request) => {
                let (tell, lines) = mpsc::channel(LINES);
                let (answer, told) =
                    tokio::join!(answer_as_asked(&app, &ask, request, tell), socket::reply_lines(&mut to, lines));
                if told.is_err() {
                    return;
                }
                answer
            }
            Err(error) => Err(Refusal::new(2, format!("that was no request: {error}"), "use the `hymnal` command")),
        };
        let _ = socket::reply(&mut to, answer).await;
    });
}

/// Lines that stop coming end it: what was done until then is done.
async fn apply(app: &App, request: Request, from: &mut BufReader<OwnedReadHalf>) -> Answer {
    let (given, lines) = mpsc::channel(LINES);
    let (answer, received) = tokio::join!(answer_given(app, request, lines), socket::receive_lines(from, given));
    match received {
        Err(error) if answer.is_ok() => {
            Err(Refusal::new(1, format!("the plan did not come whole: {error}"), "apply it again"))
        }
        _ => answer,
    }
}

/// A plan is made by the file as it stands: where it was changed since it was read, by what would be run after a reload.
/// Nothing is run meanwhile: what the plan is made on must not move.
async fn answer_as_asked(
    app: &App,
    ask: &mpsc::Sender<Asked>,
    request: Request,
    lines: mpsc::Sender<serde_json::Value>,
) -> Answer {
    let Request::Plan { config, .. } = &request else { return answer_each(app, request, lines).await };
    if *config == app.config.digest {
        return answer_each(app, request, lines).await;
    }
    let (done, outcome) = oneshot::channel();
    let gone = || Refusal::new(1, "the daemon is stopping", "");
    ask.send(Asked::Read(done)).await.map_err(|_| gone())?;
    let new = outcome.await.map_err(|_| gone())?;
    let new = new.map_err(|message| Refusal::new(78, message, "the old configuration stays in force"))?;
    let mut turns = Vec::new();
    for running in &app.syncs {
        turns.push(turn(running).await?);
    }
    answer_each(&new, request, lines).await
}

async fn reload_now(ask: &mpsc::Sender<Asked>) -> Answer {
    let (done, outcome) = oneshot::channel();
    let gone = || Refusal::new(1, "the daemon is stopping", "");
    ask.send(Asked::Reload(done)).await.map_err(|_| gone())?;
    match outcome.await.map_err(|_| gone())? {
        Ok(()) => Ok(json!({ "reloaded": true })),
        Err(message) => Err(Refusal::new(78, message, "the old configuration stays in force")),
    }
}

fn about_daemon(mut status: serde_json::Value, reload_error: Option<&str>) -> serde_json::Value {
    if let Some(all) = status.as_object_mut() {
        all.insert("daemon".into(), json!({ "pid": std::process::id(), "reload_error": reload_error }));
    }
    status
}

/// The scheduler is here; the store answers a look-up.
fn beat(app: &App) {
    if app.state.store.get(b"beat").is_ok() {
        supervisor::feed();
        let held = app.syncs.iter().filter(|running| !running.sync.is_approved().unwrap_or(true)).count();
        supervisor::status(&format!("{} syncs, {held} held", app.syncs.len()));
    }
}

enum Event {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.terminate.recv() => Event::Stop,
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.hang_up.recv() => Event::Reload,
        }
    }
}
