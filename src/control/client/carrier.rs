//! The task that carries questions to the owner and brings back answers and pictures, over one connection after another.

use super::{
    FIRST_PAUSE, LinkError, Road, Standing, Unanswered,
    meeting::{self, Meeting},
};
use crate::{
    control::{
        mirror::Mirror,
        protocol::{Answer, FromClient, FromOwner, LONGEST_QUESTION, Question, foreign},
        wire::{LineError, Outbox, decode, encode},
    },
    domain::Who,
    manager::Snapshot,
};
use std::{collections::HashMap, fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

/// The longest pause: an owner that comes back is seen again before a person wonders.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long an owner that takes nothing any more may still speak.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Connections that may break under one question before its asker is told.
const MOST_CARRIES: u32 = 3;

type Reply = oneshot::Sender<Result<Answer<'static>, Unanswered>>;

/// One question, and the way back for its answer. Dropped without an answer it counts as lost.
#[derive(Debug)]
pub(super) struct Ask {
    question: Question,
    reply: Reply,
    carries: u32,
}

/// See the module.
pub(super) struct Carrier {
    road: Arc<dyn Road>,
    who: Who,
    watches: bool,
    asks: mpsc::Receiver<Ask>,
    /// A question that is still to be sent.
    unsent: Option<Ask>,
    mirror: Mirror,
    publisher: watch::Sender<Arc<Snapshot>>,
    standing: watch::Sender<Standing>,
    pause: Duration,
}

/// What a connection has taken with it when it is lost.
#[derive(Default)]
struct Errands {
    out: Outbox,
    /// The question whose line is being written.
    leaving: Option<(u64, Ask)>,
    /// The questions that the owner may have heard.
    asked: HashMap<u64, Reply>,
    /// The number of the wish to watch, until it is answered.
    watch: Option<u64>,
    last_number: u64,
}

/// Why a connection is over.
enum Over {
    /// Nobody asks any more.
    Done,
    /// It is lost, for this printable reason.
    Lost(String),
}

impl Ask {
    pub(super) fn new(question: Question, reply: Reply) -> Self {
        Self { question, reply, carries: 0 }
    }

    fn answer(self, answer: Result<Answer<'static>, Unanswered>) {
        // Whoever asked may have gone away.
        let _: Result<(), Result<Answer<'static>, Unanswered>> = self.reply.send(answer);
    }
}

impl Carrier {
    pub(super) fn new(
        road: Arc<dyn Road>,
        who: Who,
        watches: bool,
        asks: mpsc::Receiver<Ask>,
        publisher: watch::Sender<Arc<Snapshot>>,
        standing: watch::Sender<Standing>,
    ) -> Self {
        let (unsent, mirror, pause) = (None, Mirror::default(), FIRST_PAUSE);
        Self { road, who, watches, asks, unsent, mirror, publisher, standing, pause }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self, first: Meeting) {
        let mut meeting = first;
        loop {
            self.standing.send_replace(Standing::Attached { pid: meeting.pid });
            let Over::Lost(reason) = self.attend(meeting).await else { return };
            tracing::info!(%reason, "the connection to the owner is lost");
            self.standing.send_replace(Standing::Away { reason });
            let Some(next) = self.travel().await else { return };
            meeting = next;
        }
    }

    /// Finds the next owner: after a pause when somebody watches, and at once when somebody asks.
    async fn travel(&mut self) -> Option<Meeting> {
        loop {
            if self.unsent.is_none() {
                tokio::select! {
                    ask = self.asks.recv() => self.unsent = Some(ask?),
                    () = sleep(self.pause), if self.watches => {}
                }
            }
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            match meeting::reach(&*self.road, &self.who).await {
                Ok(meeting) => return Some(meeting),
                Err(error) => self.give_up(&error),
            }
        }
    }

    /// Tells everybody who waits that there is no way.
    fn give_up(&mut self, error: &LinkError) {
        let reason = error.to_string();
        let queued = std::iter::from_fn(|| self.asks.try_recv().ok());
        for ask in self.unsent.take().into_iter().chain(queued) {
            ask.answer(Err(Unanswered::NotSent(reason.clone())));
        }
        self.standing.send_replace(Standing::Away { reason });
    }

    async fn attend(&mut self, meeting: Meeting) -> Over {
        let Meeting { mut lines, mut writer, .. } = meeting;
        let mut errands = Errands::default();
        self.mirror.begin_anew();
        if self.watches {
            errands.ask_to_watch();
        }
        // Set when the owner takes nothing any more: it may still have told us why.
        let mut deaf: Option<(Instant, String)> = None;
        let reason = loop {
            let until = deaf.as_ref().map(|(until, _)| *until);
            tokio::select! {
                line = lines.next() => {
                    let heard = match line {
                        Ok(Some(line)) => match decode(line) {
                            Ok(told) => self.hear(told, line.len(), &mut errands),
                            Err(problem) => Err(not_understood(&problem)),
                        },
                        Ok(None) => Err("it ended".to_owned()),
                        Err(LineError::TooLong(most)) => Err(not_understood(&LineError::TooLong(most))),
                        Err(error @ (LineError::Io(_) | LineError::CutOff)) => Err(error.to_string()),
                    };
                    if let Err(reason) = heard {
                        break reason;
                    }
                }
                written = errands.out.write(&mut writer), if !errands.out.is_empty() && until.is_none() => match written {
                    Ok(()) => errands.note_written(),
                    Err(error) => deaf = Some((Instant::now() + LAST_WORDS, error.to_string())),
                },
                ask = next(&mut self.unsent, &mut self.asks), if errands.out.is_empty() && until.is_none() => match ask {
                    Some(ask) => errands.take(ask),
                    None => return Over::Done,
                },
                () = wait_until(until) => break deaf.map(|(_, error)| error).unwrap_or_default(),
            }
        };
        // What was not written to its end was not heard: an owner reads whole lines.
        self.unsent = errands.leaving.take().map(|(_, ask)| ask);
        if let Some(ask) = self.unsent.take_if(|ask| ask.carries >= MOST_CARRIES) {
            ask.answer(Err(Unanswered::NotSent(reason.clone())));
        }
        Over::Lost(reason)
    }

    /// Takes in one line of the owner, or says in one printable clause why nothing more is heard from it.
    fn hear(&mut self, told: FromOwner<'static>, bytes: usize, errands: &mut Errands) -> Result<(), String> {
        match told {
            FromOwner::Answer { number, answer: Answer::Watching } if errands.watch == Some(number) => {
                errands.watch = None;
            }
            FromOwner::Answer { number, answer } => {
                let reply = errands.asked.remove(&number).ok_or_else(|| not_understood(&"an answer to no question"))?;
                // Whoever asked may have gone away.
                let _: Result<(), Result<Answer<'static>, Unanswered>> = reply.send(Ok(answer));
            }
            FromOwner::Change(_) if !self.watches || errands.watch.is_some() => {
                return Err(not_understood(&"changes that nobody watches"));
            }
            FromOwner::Change(change) => {
                if let Some(picture) =
                    self.mirror.take_in(change, bytes).map_err(|nonsense| not_understood(&nonsense))?
                {
                    self.publisher.send_replace(picture);
                    self.pause = FIRST_PAUSE;
                }
            }
            FromOwner::Bye { reason, .. } => return Err(foreign(&reason)),
            FromOwner::Welcome(_) => return Err(not_understood(&"a second welcome")),
        }
        Ok(())
    }
}

impl Errands {
    fn ask_to_watch(&mut self) {
        let number = self.next_number();
        let question = FromClient::Ask { number, question: Question::Watch };
        let line = encode(&question, LONGEST_QUESTION).expect("two words and a number make a line");
        self.out.push(&line);
        self.watch = Some(number);
    }

    fn take(&mut self, mut ask: Ask) {
        let number = self.next_number();
        ask.carries += 1;
        let line = FromClient::Ask { number, question: ask.question.clone() };
        match encode(&line, LONGEST_QUESTION) {
            Ok(line) => {
                self.out.push(&line);
                self.leaving = Some((number, ask));
            }
            Err(error) => ask.answer(Err(Unanswered::NotSent(error.to_string()))),
        }
    }

    /// What is written to its end may have been heard.
    fn note_written(&mut self) {
        if self.out.is_empty()
            && let Some((number, ask)) = self.leaving.take()
        {
            self.asked.insert(number, ask.reply);
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

fn not_understood(problem: &impl fmt::Display) -> String {
    format!("what it says is not understood: {problem}")
}

/// The next question; `None` when nobody can ask any more.
async fn next(unsent: &mut Option<Ask>, asks: &mut mpsc::Receiver<Ask>) -> Option<Ask> {
    match unsent.take() {
        Some(ask) => Some(ask),
        None => asks.recv().await,
    }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
