//! Every picture of every scenario: as the view paints it, as a terminal shows it that is sent what the screen sends, as
//! the recording shows it, and as the picture that moves does.

use super::compare;
use howdah::{
    app::demo::record::{Take, record},
    console::{chord::Chord, recorder::Recorder, svg::animated},
    demo::{Scenario, embedded},
    recording::{EventKind, Format, IdleLimit, Micros, Recording, ScreenSize},
};
use ratatui::buffer::Buffer;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// A picture, and how many events of the recording lead to it.
type Pictures = Arc<Mutex<Vec<(usize, Buffer)>>>;

/// Keeps each picture from now on.
fn keep(recorder: &Recorder, pictures: &Pictures) {
    let (recorder, pictures) = (recorder.clone(), Arc::clone(pictures));
    let mut painted = recorder.pictures();
    tokio::spawn(async move {
        while painted.changed().await.is_ok() {
            pictures.lock().unwrap().push((recorder.events().len(), recorder.shown()));
        }
    });
}

fn terminal(size: ScreenSize) -> vt100::Parser {
    vt100::Parser::new(size.rows(), size.columns(), 0)
}

/// Shows the recording, and calls back after each event with how many there were.
fn replay(recording: &Recording, mut after: impl FnMut(usize, Micros, &vt100::Screen)) {
    let mut terminal = terminal(recording.header().size);
    for (index, event) in recording.events().iter().enumerate() {
        if let EventKind::Output(text) = &event.kind {
            terminal.process(text.as_bytes());
        }
        after(index + 1, event.at, terminal.screen());
    }
}

#[test]
fn a_recording_shows_every_picture_that_was_painted() {
    for (name, text) in embedded::SCENARIOS {
        for ascii in [false, true] {
            let Scenario { story, script, size } = Scenario::<Chord>::read(text, name).unwrap();
            let size = ScreenSize::new(size.0.into(), size.1.into()).unwrap();
            let pictures = Pictures::default();
            let take = Take { story: Arc::new(story), script, size, ascii };
            let recorded = record(take, |recorder| keep(recorder, &pictures)).unwrap();
            let pictures = std::mem::take(&mut *pictures.lock().unwrap());
            for format in [Format::V2, Format::V3] {
                let file = recorded.write(Vec::new(), format).unwrap();
                let recording = Recording::read(file.as_slice(), name).unwrap();
                let outputs = |event: &&howdah::recording::Event| matches!(event.kind, EventKind::Output(_));
                // What comes before the first picture and after the last one paints nothing.
                assert_eq!(recording.events().iter().filter(outputs).count(), pictures.len() + 2, "{name}");
                let mut seen = pictures.iter().peekable();
                replay(&recording, |count, at, screen| {
                    if let Some((_, picture)) = seen.next_if(|(events, _)| *events == count) {
                        compare(picture, screen, &format!("{name} at {at}"));
                    }
                });
                assert!(seen.next().is_none(), "{name}: a picture is not in the recording");
            }
        }
    }
}

/// What stands between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    text.split_once(begin)?.1.split_once(end).map(|(inner, _)| inner)
}

/// When the groups of a moving picture are seen: hundredths of its length, and whether from then on.
fn keyframes(svg: &str) -> HashMap<&str, Vec<(f64, bool)>> {
    let named = svg.lines().filter_map(|line| Some((between(line, "@keyframes ", "{")?, line.split_once("{0%")?.1)));
    let frame = |text: &str| -> Option<(f64, bool)> {
        let (at, seen) = text.split_once("%{visibility:")?;
        Some((at.parse().ok()?, seen == "visible"))
    };
    named
        .map(|(name, frames)| {
            let all = format!("0%{frames}");
            (name, all.split('}').filter_map(frame).collect())
        })
        .collect()
}

/// The cell that begins at so many pixels.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen has some hundred columns")]
fn cell(pixels: f64, size: f64) -> usize {
    (pixels / size).round() as usize
}

/// The texts that a moving picture shows at a moment, each with its column and row.
fn texts(svg: &str, part: f64) -> Vec<(usize, usize, String)> {
    let keyframes = keyframes(svg);
    let (mut seen, mut texts) = (true, Vec::new());
    for line in svg.lines() {
        if let Some(class) = between(line, "<g class=\"", "\"") {
            let frames = keyframes.get(class);
            let last = frames.and_then(|frames| frames.iter().rfind(|(at, _)| *at <= part));
            seen = frames.is_none() || last.is_some_and(|(_, seen)| *seen);
        } else if seen && let Some(text) = between(line, ">", "</text>") {
            let number = |name: &str| between(line, &format!(" {name}=\""), "\"").unwrap().parse::<f64>().unwrap();
            let (column, row) = (cell(number("x") - 12.0, 8.4), cell(number("y") - 12.0 - 18.0 * 0.76, 18.0));
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            texts.push((column, row, text));
        }
    }
    texts
}

#[test]
fn a_picture_that_moves_shows_what_the_recording_shows() {
    for (name, text) in embedded::SCENARIOS {
        let Scenario { story, script, size } = Scenario::<Chord>::read(text, name).unwrap();
        let size = ScreenSize::new(size.0.into(), size.1.into()).unwrap();
        let take = Take { story: Arc::new(story), script, size, ascii: false };
        let file = record(take, |_| ()).unwrap().write(Vec::new(), Format::V2).unwrap();
        let limit = IdleLimit::AtMost(Micros::seconds(3));
        let recording = Recording::read(file.as_slice(), name).unwrap().with_idle_limit(limit);
        let svg = animated(&recording, "title").unwrap();
        assert!(svg.len() < 600_000, "{name}: {} bytes", svg.len());
        assert!(svg.rfind("<rect") < svg.find("<text"), "{name}: a background covers a text");
        let length: f64 = between(&svg, "animation:", "s ").unwrap().parse().unwrap();
        // Each picture in the middle of its time: what stands for less than a frame of a film is left out.
        let ends: Vec<Micros> = recording.events().iter().skip(1).map(|event| event.at).collect();
        replay(&recording, |count, at, screen| {
            let Some(end) = ends.get(count - 1).filter(|end| end.minus(at) >= Micros(40_000)) else { return };
            let part = (at.0 + end.0) as f64 / 2e4 / length;
            let (columns, rows) = (usize::from(size.columns()), usize::from(size.rows()));
            let mut shown = vec![vec![' '; columns]; rows];
            for (column, row, text) in texts(&svg, part) {
                for (offset, letter) in text.chars().enumerate() {
                    shown[row][column + offset] = letter;
                }
            }
            let shown: Vec<String> = shown.iter().map(|row| row.iter().collect::<String>()).collect();
            let wanted: Vec<String> = screen.rows(0, size.columns()).map(|row| row.replace('\u{2800}', " ")).collect();
            for (shown, wanted) in shown.iter().zip(&wanted) {
                assert_eq!(shown.trim_end(), wanted.trim_end(), "{name} at {at}");
            }
        });
    }
}
