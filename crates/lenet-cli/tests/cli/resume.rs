//! Stopped by a signal, taken up again, refused: `--resume` and checkpoints.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use super::{Place, Ran};

/// A run whose lines, one a step, do not fit into a pipe: it cannot end before it was
/// read or stopped.
const RUN: [&str; 13] = [
    "train",
    "--dataset",
    "sample",
    "--batch-size",
    "4",
    "--epochs",
    "1",
    "--augment",
    "affine",
    "--val-split",
    "0.1",
    "--log-interval",
    "1",
];

fn summary(place: &Place, run: &str) -> Value {
    let text = std::fs::read_to_string(place.path().join(run).join("summary.json"));
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// Metrics without what a clock says.
fn metrics(place: &Place, run: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path().join(run).join("metrics.jsonl"));
    let lines = text.unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let line_map = line.as_object_mut().unwrap();
        line_map.remove("train_seconds");
        line_map.remove("samples_per_second");
        line
    });
    lines.collect()
}

#[cfg(unix)]
fn interrupted(place: &Place, args: &[&str], steps: usize, signals: &[&str]) -> Ran {
    interrupted_after(place, args, (" step ", steps), signals)
}

/// Starts the program, and once `what` stands so often on stderr sends it these signals,
/// one after the other.
#[cfg(unix)]
pub(crate) fn interrupted_after(
    place: &Place,
    args: &[&str],
    (what, times): (&str, usize),
    signals: &[&str],
) -> Ran {
    let mut command = place.command(args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    while seen.matches(what).count() < times {
        assert!(
            stderr.read_line(&mut seen).unwrap() > 0,
            "ended early: {seen}"
        );
    }
    for signal in signals {
        let kill = std::process::Command::new("kill")
            .args([signal, child.id().to_string().as_str()])
            .status();
        assert!(kill.unwrap().success());
    }
    stderr.read_to_string(&mut seen).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stderr = seen.into_bytes();
    Ran::from(output)
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_signals_ends_as_one_that_was_not() {
    let place = Place::new();
    for (name, optimizer) in [
        ("adam", &["--optimizer", "adam", "--ema-decay", "0.99"][..]),
        (
            "sgd",
            &[
                "--optimizer",
                "sgd",
                "--momentum",
                "0.9",
                "--scheduler",
                "cosine",
            ],
        ),
    ] {
        let run = |out: &'static str| [&RUN[..], optimizer, &["--out-dir", out]].concat();
        let whole = [&run("whole")[..], &["--quiet"]].concat();
        place.run(&whole).ok();
        let ran = interrupted(&place, &run("run"), 17, &["-INT"]);
        ran.fails(130, &["Ctrl-C", "lenet train --resume run"]);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
        let again = ["train", "--resume", "run", "--log-interval", "1"];
        let ran = interrupted(&place, &again, 40, &["-TERM"]);
        ran.fails(143, &["SIGTERM", "lenet train --resume run"]);
        let ended = place.run(&["train", "--resume", "run", "--threads", "1", "--json"]);
        let ended = ended.ok().json();
        assert_eq!(
            ended["weights_sha256"],
            summary(&place, "whole")["weights_sha256"],
            "{name}"
        );
        assert_eq!(metrics(&place, "run"), metrics(&place, "whole"));
        std::fs::remove_dir_all(place.path().join("run")).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_program_at_once_and_leaves_a_checkpoint_whole() {
    let place = Place::new();
    let args = [
        &RUN[..],
        &["--out-dir", "run", "--checkpoint-interval", "5"],
    ]
    .concat();
    let ran = interrupted(&place, &args, 12, &["-INT", "-INT"]);
    // Whichever of the two it came to: the same code, and a run to go on from.
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let resumed = place.run(&["train", "--resume", "run", "--max-steps", "40"]);
    assert!(resumed.ok().stderr.contains("run: going on after step "));
}

#[test]
fn a_finished_run_can_go_on_for_more_epochs() {
    let place = Place::new();
    let base = [
        "train",
        "--dataset",
        "sample",
        "--batch-size",
        "256",
        "--epochs",
    ];
    place
        .run(&[&base[..], &["2", "--out-dir", "long"]].concat())
        .ok();
    place.run(&[&base[..], &["1"]].concat()).ok();
    let run = std::fs::read_dir(place.path().join("runs")).unwrap().next();
    let run = run.unwrap().unwrap().path();
    let run = run.strip_prefix(place.path()).unwrap().to_str().unwrap();
    // Without a name it is the run in `runs` that wrote a checkpoint last.
    let ran = place
        .run(&["train", "--resume", "--epochs", "2", "--json"])
        .ok();
    assert!(
        ran.stderr
            .contains(&format!("{run}: going on after step 34")),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.json()["weights_sha256"],
        summary(&place, "long")["weights_sha256"]
    );
    assert_eq!(metrics(&place, run), metrics(&place, "long"));
    let config = std::fs::read_to_string(place.path().join(run).join("config.toml"));
    assert!(config.unwrap().contains("epochs = 2"));
}

#[test]
fn another_run_is_refused_with_every_difference() {
    let place = Place::new();
    place.train("run", &["--scheduler", "one-cycle"]);
    let before = std::fs::read(
        place
            .path()
            .join("run/checkpoints/last/checkpoint.safetensors"),
    );
    let resume = ["train", "--resume", "run", "--dataset", "sample"];
    let with = |more: &[&str]| place.run(&[&resume[..], more].concat());
    with(&[
        "--seed",
        "9",
        "--lr",
        "0.5",
        "--epochs",
        "20",
        "--augment",
        "shift",
    ])
    .fails(
        2,
        &[
            "run: this would be another run",
            "seed was 0, is 9",
            "lr was 0.001, is 0.5",
            // One-cycle depends on how many epochs there will be.
            "epochs was 10, is 20",
            "augment was none, is shift",
            "--weights-only",
        ],
    );
    with(&["--model", "convnet", "--weights-only"])
        .fails(1, &["expected [10, 1, 5, 5]", "`fc3.bias` is not"]);
    with(&["--out-dir", "other"]).fails(2, &["--out-dir does not go with --resume"]);
    let after = std::fs::read(
        place
            .path()
            .join("run/checkpoints/last/checkpoint.safetensors"),
    );
    assert_eq!(before.unwrap(), after.unwrap());
    let new = with(&[
        "--weights-only",
        "--seed",
        "9",
        "--json",
        "--out-dir",
        "new",
    ]);
    assert_eq!(new.ok().json()["run_dir"], "new");

    place
        .run(&["train", "--resume", "none"])
        .fails(2, &["no checkpoint in it"]);
    place
        .run(&["train", "--resume"])
        .fails(2, &["no run in runs/ has a checkpoint"]);
    place
        .run(&["train", "--weights-only"])
        .fails(2, &["--resume"]);
}

#[test]
fn a_damaged_checkpoint_falls_back_with_a_warning() {
    let place = Place::new();
    let args = ["--checkpoint-interval", "2", "--out-dir"];
    place.train("whole", &args[..2]);
    place.train("run", &args[..2]);
    let last = place
        .path()
        .join("run/checkpoints/last/checkpoint.safetensors");
    let mut bytes = std::fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&last, bytes).unwrap();
    let ran = place.run(&["train", "--resume", "run", "--json"]).ok();
    assert!(
        ran.stderr
            .contains("warning: run/checkpoints/last/checkpoint.safetensors: damaged")
            && ran
                .stderr
                .contains("going on from the checkpoint before it, of step 4"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.json()["weights_sha256"],
        summary(&place, "whole")["weights_sha256"]
    );
    std::fs::write(&last, b"{}").unwrap();
    std::fs::write(last.with_file_name("previous.safetensors"), b"").unwrap();
    let broken = place.run(&["train", "--resume", "run"]);
    broken.fails(1, &["checkpoint.safetensors", "the one before it"]);
}

#[test]
fn a_run_goes_on_without_the_weights_that_it_began_with() {
    let place = Place::new();
    place.train("start", &[]);
    let weights = place.path().join("start/model.safetensors");
    let from = ["--init-from", weights.to_str().unwrap()];
    let whole = [
        "train",
        "--dataset",
        "sample",
        "--max-steps",
        "8",
        "--json",
        "--out-dir",
        "whole",
    ];
    let whole = place.run(&[&whole[..], &from].concat()).ok().json();
    place.train("run", &from);
    std::fs::remove_file(&weights).unwrap();
    let resume = ["train", "--resume", "run", "--json"];
    let with = |more: &[&str]| place.run(&[&resume[..], more].concat());
    // It has weights already, and what it is told twice it would take once.
    with(&from).fails(2, &["--init-from"]);
    let ran = with(&["--max-steps", "8"]).ok().json();
    assert_eq!(ran["weights_sha256"], whole["weights_sha256"]);
}

#[test]
fn a_run_from_another_ones_weights_is_repeated_by_its_config() {
    let place = Place::new();
    place.train("run", &[]);
    let new = ["train", "--resume", "run", "--weights-only", "--seed", "9"];
    let new = place.run(&[&new[..], &["--out-dir", "new", "--json"]].concat());
    let new = new.ok().json();
    // Where it began goes on, and then goes.
    place
        .run(&["train", "--resume", "run", "--max-steps", "7"])
        .ok();
    std::fs::remove_dir_all(place.path().join("run")).unwrap();
    let again = [
        "train",
        "--config",
        "new/config.toml",
        "--json",
        "--out-dir",
    ];
    let repeat = |folder| place.run(&[&again[..], &[folder]].concat()).ok().json();
    assert_eq!(repeat("again")["weights_sha256"], new["weights_sha256"]);
    // Also in the same folder, whose file it reads.
    assert_eq!(repeat("new")["weights_sha256"], new["weights_sha256"]);
}

#[cfg(unix)]
#[test]
fn a_folder_has_one_run_at_work() {
    let place = Place::new();
    place.train("run", &[]);
    let folder = place.path().join("run");
    let held = std::fs::File::open(&folder).unwrap();
    held.lock().unwrap();
    let busy = ["run: another `lenet train` is at work there", "--out-dir"];
    place.run(&["train", "--resume", "run"]).fails(1, &busy);
    let args = ["train", "--dataset", "sample", "--out-dir", "run"];
    place.run(&args).fails(1, &busy);
    drop(held);
    place.run(&["train", "--resume", "run"]).ok();
}

#[test]
fn variables_for_new_runs_do_not_keep_one_from_going_on() {
    let place = Place::new();
    place.train("run", &[]);
    let mut command = place.command(&["train", "--resume", "run", "--max-steps", "6"]);
    command.env("LENET_OUT_DIR", "other");
    command.env("LENET_CONFIG", "none.toml");
    command.env("LENET_INIT_FROM", "none.safetensors");
    Ran::from(command.output().unwrap()).ok();
    assert!(!place.path().join("other").exists());
}

#[test]
fn a_run_does_not_become_shorter_than_it_is() {
    let place = Place::new();
    place.train("run", &[]);
    let config = place.path().join("run/config.toml");
    let before = std::fs::read(&config).unwrap();
    let resume = ["train", "--resume", "run"];
    let with = |more: &[&str]| place.run(&[&resume[..], more].concat());
    with(&["--max-steps", "4"]).fails(2, &["step 5 is over", "--max-steps 4"]);
    with(&["--epochs", "1", "--max-steps", "140"]).ok();
    with(&["--max-steps", "140", "--epochs", "2"]).ok();
    let after_two = std::fs::read(&config).unwrap();
    assert_ne!(before, after_two);
    with(&["--epochs", "1"]).fails(2, &["epoch 2 has begun", "--epochs 1"]);
    assert_eq!(std::fs::read(&config).unwrap(), after_two);
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_a_run_to_go_on_from() {
    let place = Place::new();
    place.train("run", &[]);
    // A folder, which no file can replace: for any user, and before anything is renamed.
    let next = place.path().join("run/checkpoints/last/next.safetensors");
    std::fs::create_dir(&next).unwrap();
    let resume = ["train", "--resume", "run", "--max-steps", "6"];
    let ran = place.run(&resume);
    ran.fails(
        1,
        &["checkpoint of step 5 stays; to go on: lenet train --resume run"],
    );
    assert!(!ran.stderr.contains("--weights-only"), "{}", ran.stderr);
    std::fs::remove_dir(&next).unwrap();
    place.run(&resume).ok();
}
