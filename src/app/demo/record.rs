//! A recording of a story: the real screen on time that stands still until somebody waits.

use super::{begin, paused, ports, script};
use crate::{
    console::{
        chord::Chord,
        recorder::{Recorder, Still},
        svg::svg,
        theme::Theme,
    },
    demo::{Story, script::Action},
    recording::{Event, Format, Header, ScreenSize, Version, Writer},
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
pub(super) struct Take {
    pub(super) story: Arc<Story>,
    pub(super) script: Vec<Action<Chord>>,
    pub(super) size: ScreenSize,
    pub(super) ascii: bool,
}

/// A recording.
pub(super) struct Recorded {
    header: Header,
    events: Vec<Event>,
    /// The picture at each marker.
    stills: Vec<Still>,
}

/// Plays the story with its script, and keeps what a terminal would have been sent.
pub(super) fn record(take: Take) -> anyhow::Result<Recorded> {
    let Take { story, script, size, ascii } = take;
    let recorder = paused()?.block_on(async {
        let (world, clock) = begin(&story).await?;
        let recorder = Recorder::new(size);
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
    Ok(Recorded { header, events: recorder.events(), stills: recorder.stills() })
}

/// No marker has this label.
#[derive(Debug, Error)]
#[error("the script has no marker {label:?}: use one of {}", known.join(", "))]
pub(super) struct NoSuchMarker {
    label: String,
    known: Vec<String>,
}

impl Recorded {
    /// The picture at the marker of this label, as SVG.
    pub(super) fn svg(&self, label: &str) -> Result<String, NoSuchMarker> {
        let still = self.stills.iter().find(|still| still.label == label);
        let title = self.header.title.as_deref().unwrap_or_default();
        still.map(|still| svg(&still.picture, &format!("{title}: {label}"))).ok_or_else(|| NoSuchMarker {
            label: label.to_owned(),
            known: self.stills.iter().map(|still| format!("{:?}", still.label)).collect(),
        })
    }

    /// Writes it as an asciicast.
    pub(super) fn write<W: Write>(&self, output: W, format: Format) -> io::Result<W> {
        let mut writer = Writer::new(output, format, &self.header)?;
        for event in &self.events {
            writer.event(event)?;
        }
        Ok(writer.into_inner())
    }
}
