//! `lenet train --dashboard`: a run that is watched.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use super::Place;
use super::http::Client;

fn ask(client: &mut Client, request: &str) -> Value {
    let answer = client.ask(request, &[], b"").unwrap();
    assert_eq!(answer.status, 200, "{request}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_run_is_watched_from_its_first_step_to_its_end() {
    let place = Place::new();
    let args = [
        "train",
        "--dataset",
        "sample",
        "--epochs",
        "2",
        "--dashboard",
        "0",
    ];
    // A line a step does not fit into a pipe: the run waits until it is read.
    let more = [
        "--batch-size",
        "8",
        "--log-interval",
        "1",
        "--val-split",
        "0.2",
        "--json",
    ];
    let mut command = place.command(&[&args[..], &more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("watch this run at ") {
        assert!(stderr.read_line(&mut seen).unwrap() > 0, "{seen}");
    }
    let address = seen.trim_end().rsplit(' ').next().unwrap().to_owned();
    let mut client = Client::new(&address).unwrap();

    let page = client.ask("GET /", &[], b"").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("assets/run.js"), "{page}");
    for file in ["run.js", "run.css", "style.css", "favicon.svg"] {
        let asked = client.ask(&format!("GET /assets/{file}"), &[], b"");
        assert_eq!(asked.unwrap().status, 200, "{file}");
    }
    let other = client.ask("GET /api/predict", &[], b"").unwrap();
    assert_eq!(other.status, 404);
    let elsewhere = [("Host", "example.org")];
    let refused = client.ask("GET /api/run", &elsewhere, b"").unwrap();
    assert_eq!(refused.status, 421);
    let refused = client.ask("GET /api/run?after=x", &[], b"").unwrap();
    assert_eq!(refused.status, 400);
    let refused: Value = serde_json::from_slice(&refused.body).unwrap();
    let error = refused["error"].as_str().unwrap();
    assert!(error.starts_with("the query makes no sense"), "{error}");
    let begun = ask(&mut client, "GET /api/run");
    assert_eq!(begun["title"], "lenet5 on sample");
    assert_eq!(
        (&begun["state"], &begun["charts"]),
        (&"running".into(), &Value::Null)
    );

    // From here on the run does not wait; a page asks again as soon as it is answered.
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
    });
    let (mut versions, mut run) = (vec![begun["version"].as_u64().unwrap()], begun);
    while run["state"] == "running" {
        let after = versions.last().unwrap();
        run = ask(&mut client, &format!("GET /api/run?after={after}&epochs=0"));
        versions.push(run["version"].as_u64().unwrap());
    }
    rest.join().unwrap();
    let output = child.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["state"], "ended");
    assert_eq!(run["test_accuracy"], summary["test_accuracy"]);
    assert_eq!(run["chosen"], summary["best_epoch"]);
    assert_eq!(run["metrics"].as_array().unwrap().len(), 2);
    for chart in ["loss", "accuracy", "lr"] {
        assert!(
            run["charts"][chart].as_str().unwrap().starts_with("<svg"),
            "{chart}"
        );
    }
    assert!(versions.is_sorted() && versions.len() > 3, "{versions:?}");
    // The run is the same as one that nobody watches.
    let again = place
        .command(&["train", "--config"])
        .args([
            place
                .path()
                .join(summary["run_dir"].as_str().unwrap())
                .join("config.toml")
                .as_os_str(),
            "--json".as_ref(),
        ])
        .output()
        .unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["weights_sha256"], summary["weights_sha256"]);
}

#[test]
fn a_port_that_is_taken_is_told_before_training() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["train", "--dataset", "sample", "--dashboard", &port];
    let ran = place.run(&args);
    ran.fails(1, &["is in use", "--dashboard PORT"]);
    assert!(!place.path().join("runs").exists(), "nothing is left of it");
    place
        .run(&["train", "--dashboard", "0", "--dry-run"])
        .fails(2, &["--dry-run"]);
}
