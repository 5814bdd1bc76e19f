//! An event file for TensorBoard: each epoch's numbers as scalars, in the framing of
//! `tensorflow/core/lib/io/record_writer.h` and the messages of `event.proto` and
//! `summary.proto`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use lenet_train::{EpochMetrics, Event, Observer};
use prost::Message;

/// What the names of event files begin with, for TensorBoard, and end with, for us: no
/// host's name, which a run folder need not tell.
const PREFIX: &str = "events.out.tfevents.";
const SUFFIX: &str = ".lenet";

/// Writes a run's event file, from its first epoch's end on.
pub(crate) struct EventFile {
    folder: PathBuf,
    /// The step of the last epoch that was over before, in a run that goes on.
    after: Option<u64>,
    file: Option<(PathBuf, File)>,
    /// The first failure to write; nothing is written after it.
    failed: Option<anyhow::Error>,
}

impl EventFile {
    /// A file in this folder. A run that goes on after step `after` tells TensorBoard to
    /// forget the later steps of its earlier files.
    pub(crate) fn new(folder: &Path, after: Option<u64>) -> Self {
        Self {
            folder: folder.to_owned(),
            after,
            file: None,
            failed: None,
        }
    }

    /// Whether all scalars could be written.
    pub(crate) fn written(&mut self) -> anyhow::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn append(&mut self, metrics: &EpochMetrics) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let mut records = Vec::new();
        if self.file.is_none() {
            let claimed = claim(&self.folder, now);
            let claimed = claimed.with_context(|| {
                format!(
                    "{}: no event file can be made for --tensorboard",
                    self.folder.display()
                )
            })?;
            self.file = Some(claimed);
            records.extend(record(&EventProto::version(now)));
            records.extend(
                self.after
                    .map(|step| record(&EventProto::start(now, step)))
                    .into_iter()
                    .flatten(),
            );
        }
        records.extend(record(&EventProto::scalars(now, metrics)));
        if let Some((path, file)) = &mut self.file {
            let written = file.write_all(&records);
            written.with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

impl Observer for EventFile {
    fn on(&mut self, event: &Event<'_>) {
        if let (Event::EpochEnded(metrics), None) = (event, &self.failed) {
            self.failed = self.append(metrics).err();
        }
    }
}

/// Removes what an older run left in a folder that a new one takes over: TensorBoard
/// would show both as one.
pub(crate) fn remove_old(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if name.to_str().is_some_and(is_ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A new file named by this second, or by the next that is free: TensorBoard reads files
/// in the order of their names.
fn claim(folder: &Path, now: Duration) -> io::Result<(PathBuf, File)> {
    let mut second = now.as_secs();
    loop {
        let path = folder.join(format!("{PREFIX}{second}{SUFFIX}"));
        match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => second += 1,
            made => return Ok((path, made?)),
        }
    }
}

/// A TFRecord: the length (u64), its checksum, the data, their checksum; all
/// little-endian.
fn record(event: &EventProto) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(crc32c(&length)).to_le_bytes());
    record.extend(&data);
    record.extend(masked(crc32c(&data)).to_le_bytes());
    record
}

/// CRC-32C (Castagnoli), bit by bit: a few hundred bytes an epoch need no table.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0x82F6_3B78;
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (REVERSED_POLYNOMIAL & low.wrapping_neg());
        }
    }
    !crc
}

/// A checksum as a TFRecord holds it, so that one of data with checksums in them is of use.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// `tensorflow.Event`, the parts of it that are used.
#[derive(Clone, PartialEq, Message)]
struct EventProto {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<SummaryProto>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLogProto>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryProto {
    #[prost(message, repeated, tag = "1")]
    value: Vec<ValueProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueProto {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLogProto {
    #[prost(int32, tag = "1")]
    status: i32,
}

impl EventProto {
    fn at(time: Duration, step: u64) -> Self {
        Self {
            wall_time: time.as_secs_f64(),
            step: i64::try_from(step).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// What each file begins with.
    fn version(time: Duration) -> Self {
        Self {
            file_version: Some("brain.Event:2".to_owned()),
            ..Self::at(time, 0)
        }
    }

    /// `SessionLog.START`: what earlier files say of the steps after this one is void.
    fn start(time: Duration, after: u64) -> Self {
        Self {
            session_log: Some(SessionLogProto { status: 1 }),
            ..Self::at(time, after + 1)
        }
    }

    fn scalars(time: Duration, metrics: &EpochMetrics) -> Self {
        let values = [
            ("train/loss", Some(metrics.train_loss)),
            ("train/accuracy", Some(metrics.train_accuracy)),
            ("train/lr", Some(metrics.lr)),
            ("train/samples_per_second", Some(metrics.samples_per_second)),
            ("val/loss", metrics.val_loss),
            ("val/accuracy", metrics.val_accuracy),
        ];
        let given = values.into_iter().filter_map(|(tag, value)| {
            Some(ValueProto {
                tag: tag.to_owned(),
                simple_value: Some(value? as f32),
            })
        });
        Self {
            summary: Some(SummaryProto {
                value: given.collect(),
            }),
            ..Self::at(time, metrics.step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(step: u64, val_loss: Option<f64>) -> EpochMetrics {
        EpochMetrics {
            epoch: 1,
            step,
            lr: 0.001,
            train_loss: 0.25,
            train_accuracy: 0.9375,
            val_loss,
            val_accuracy: val_loss.map(|_| 0.5),
            train_seconds: 2.0,
            samples_per_second: 30_000.0,
        }
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The events of a file, each checksum checked.
    fn events(path: &Path) -> Vec<EventProto> {
        fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
            let (taken, rest) = bytes.split_at(n);
            *bytes = rest;
            taken
        }
        fn check(bytes: &mut &[u8], checked: &[u8]) {
            let crc = u32::from_le_bytes(take(bytes, 4).try_into().unwrap());
            assert_eq!(crc, masked(crc32c(checked)));
        }
        let all = fs::read(path).unwrap();
        let mut bytes = &all[..];
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = take(&mut bytes, 8);
            check(&mut bytes, length);
            let length = u64::from_le_bytes(length.try_into().unwrap());
            let data = take(&mut bytes, length as usize);
            check(&mut bytes, data);
            events.push(EventProto::decode(data).unwrap());
        }
        events
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46DD_794E);
    }

    #[test]
    fn what_was_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::new(folder.path(), None);
        assert!(files(folder.path()).is_empty());
        file.on(&Event::EpochEnded(&metrics(10, Some(1.5))));
        file.on(&Event::EpochEnded(&metrics(20, None)));
        file.written().unwrap();
        let [path] = &files(folder.path())[..] else {
            panic!("one file, not {:?}", files(folder.path()));
        };
        let [version, first, second] = &events(path)[..] else {
            panic!("three events, not {:?}", events(path));
        };
        assert_eq!(version.file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!((first.step, second.step), (10, 20));
        assert!(first.wall_time >= version.wall_time && version.wall_time > 1.7e9);
        let values = |event: &EventProto| -> Vec<(String, f32)> {
            let values = event.summary.clone().unwrap().value;
            let values = values.into_iter();
            values
                .map(|value| (value.tag, value.simple_value.unwrap()))
                .collect()
        };
        let mut expected = vec![
            ("train/loss".to_owned(), 0.25),
            ("train/accuracy".to_owned(), 0.9375),
            ("train/lr".to_owned(), 0.001),
            ("train/samples_per_second".to_owned(), 30_000.0),
        ];
        assert_eq!(values(second), expected);
        expected.extend([
            ("val/loss".to_owned(), 1.5),
            ("val/accuracy".to_owned(), 0.5),
        ]);
        assert_eq!(values(first), expected);
    }

    #[test]
    fn a_run_that_goes_on_has_a_further_file_and_a_new_one_takes_them_away() {
        let folder = tempfile::tempdir().unwrap();
        for after in [None, Some(10)] {
            let mut file = EventFile::new(folder.path(), after);
            file.on(&Event::EpochEnded(&metrics(20, None)));
            file.written().unwrap();
        }
        let [_, further] = &files(folder.path())[..] else {
            panic!("two files, not {:?}", files(folder.path()));
        };
        let start = &events(further)[1];
        assert_eq!(start.step, 11);
        assert_eq!(start.session_log, Some(SessionLogProto { status: 1 }));
        let other = folder.path().join("events.out.tfevents.1.host");
        fs::write(&other, "").unwrap();
        remove_old(folder.path());
        assert_eq!(files(folder.path()), [other]);
    }

    #[test]
    fn a_folder_that_is_gone_is_named_once() {
        let mut file = EventFile::new(Path::new("no/such/folder"), None);
        file.on(&Event::EpochEnded(&metrics(10, None)));
        file.on(&Event::EpochEnded(&metrics(20, None)));
        let error = file.written().unwrap_err().to_string();
        assert!(
            error.contains("no/such/folder") && error.contains("--tensorboard"),
            "{error}"
        );
        file.written().unwrap();
    }
}
