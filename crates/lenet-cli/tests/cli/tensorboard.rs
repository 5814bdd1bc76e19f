//! `--tensorboard`: event files in the run folder.

use std::path::PathBuf;

use super::Place;

/// The event files of a run, in TensorBoard's order.
fn event_files(place: &Place, run: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path().join(run)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.to_string_lossy().contains("tfevents"))
        .collect();
    files.sort();
    files
}

/// The data of each record, by the lengths alone.
fn records(file: &PathBuf) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        records.push(after[4..4 + length].to_vec());
        rest = &after[4 + length + 4..];
    }
    assert_eq!(rest, [0; 0], "nothing after the last record");
    records
}

fn has(record: &[u8], text: &str) -> bool {
    record
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn a_run_has_an_event_file_where_asked_and_a_further_one_where_it_goes_on() {
    let place = Place::new();
    place.train("run", &["--val-split", "0.9"]);
    assert_eq!(event_files(&place, "run").len(), 0);

    // 850 samples are 14 batches: the five steps end amid the first epoch.
    let more = ["--val-split", "0.9", "--tensorboard"];
    place.train("run", &more);
    place.train("run", &more);
    let [first] = &event_files(&place, "run")[..] else {
        panic!("a new run's file alone: {:?}", event_files(&place, "run"));
    };
    let [version, epoch] = &records(first)[..] else {
        panic!("{:?}", records(first));
    };
    assert!(has(version, "brain.Event:2"));
    for tag in ["train/loss", "train/lr", "val/loss", "val/accuracy"] {
        assert!(has(epoch, tag), "{tag} in {epoch:?}");
    }

    // The setting is the run's own.
    let on = ["train", "--resume", "run", "--max-steps", "30"];
    place.run(&on).ok();
    let [_, further] = &event_files(&place, "run")[..] else {
        panic!("a further file: {:?}", event_files(&place, "run"));
    };
    // A version, a start, and the epochs that end at steps 14, 28 and 30.
    assert_eq!(records(further).len(), 5);
    let last = &records(further)[4];
    // Field 2, the step, after the tag and eight bytes of field 1, the time.
    assert_eq!(last[9..11], [0x10, 30]);
}
