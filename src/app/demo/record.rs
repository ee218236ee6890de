//! A recording of a story: the real screen on time that stands still until somebody waits.

use super::{begin, paused, ports, script};
use crate::{
    console::{
        chord::Chord,
        recorder::{Recorder, Still},
        svg::{LONGEST_PAUSE, TooMany, animated, svg},
        theme::Theme,
    },
    demo::{Story, script::Action},
    recording::{Format, Header, IdleLimit, Recording, ScreenSize, Version, Writer},
};
use anyhow::Context;
use futures_util::stream;
use std::{
    io::{self, Write},
    sync::Arc,
};
use thiserror::Error;
use tokio::sync::mpsc;

/// What is recorded; the recording depends on nothing else.
pub struct Take {
    /// The story.
    pub story: Arc<Story>,
    /// What a person does in it.
    pub script: Vec<Action<Chord>>,
    /// The screen.
    pub size: ScreenSize,
    /// Whether only ASCII signs are used.
    pub ascii: bool,
}

/// A recording.
pub struct Recorded {
    recording: Recording,
    /// The picture at each marker.
    stills: Vec<Still>,
}

/// Plays the story with its script, and keeps what a terminal would have been sent. `watch` is given the recorder before
/// it paints anything.
pub fn record(take: Take, watch: impl FnOnce(&Recorder)) -> anyhow::Result<Recorded> {
    let Take { story, script, size, ascii } = take;
    let recorder = paused()?.block_on(async {
        let (world, clock) = begin(&story).await?;
        let recorder = Recorder::new(size);
        watch(&recorder);
        let (send, keys) = mpsc::channel(1);
        let person = tokio::spawn(script::follow(script, recorder.clone(), world.service.snapshots(), send));
        let keys = stream::unfold(keys, |mut keys| async { Some((keys.recv().await?, keys)) });
        let options = ports::options(&story, Theme::Dark, ascii)?;
        recorder.run(ports::ports(&world, &story, clock), options, keys).await.context("the screen cannot go on")?;
        recorder.finish();
        person.await??;
        anyhow::Ok(recorder)
    })?;
    let header = Header {
        version: Version::V2,
        size,
        title: Some(story.title.clone()),
        command: None,
        timestamp: u64::try_from(story.starts.as_second()).ok(),
        idle_limit: None,
        terminal: Some("xterm-256color".to_owned()),
    };
    Ok(Recorded { recording: Recording::new(header, recorder.events()), stills: recorder.stills() })
}

/// No marker has this label.
#[derive(Debug, Error)]
#[error("the script has no marker {label:?}: use one of {}", known.join(", "))]
pub struct NoSuchMarker {
    label: String,
    known: Vec<String>,
}

impl Recorded {
    /// The picture at the marker of this label, as SVG.
    pub fn svg(&self, label: &str) -> Result<String, NoSuchMarker> {
        let still = self.stills.iter().find(|still| still.label == label);
        still.map(|still| svg(&still.picture, &format!("{}: {label}", self.title()))).ok_or_else(|| NoSuchMarker {
            label: label.to_owned(),
            known: self.stills.iter().map(|still| format!("{:?}", still.label)).collect(),
        })
    }

    /// All of it with shorter pauses, as SVG that moves.
    pub fn animated(&self) -> Result<String, TooMany> {
        animated(&self.recording.clone().with_idle_limit(IdleLimit::AtMost(LONGEST_PAUSE)), self.title())
    }

    fn title(&self) -> &str {
        self.recording.header().title.as_deref().unwrap_or_default()
    }

    /// Writes it as an asciicast.
    pub fn write<W: Write>(&self, output: W, format: Format) -> io::Result<W> {
        let mut writer = Writer::new(output, format, self.recording.header())?;
        for event in self.recording.events() {
            writer.event(event)?;
        }
        Ok(writer.into_inner())
    }
}
