//! `lenet sweep`: several seeds.

use super::Place;

#[test]
fn a_sweep_is_the_runs_of_its_seeds() {
    let place = Place::new();
    let args = [
        "--dataset",
        "sample",
        "--max-steps",
        "5",
        "--seed",
        "3",
        "--json",
    ];
    let swept = place
        .run(&[&["sweep", "--seeds", "2"][..], &args].concat())
        .ok();
    assert_eq!(swept.stderr.matches("seed ").count(), 2, "{}", swept.stderr);
    let sweep = swept.json();
    let runs = sweep["runs"].as_array().unwrap();
    let seeds: Vec<_> = runs
        .iter()
        .map(|run| run["seed"].as_u64().unwrap())
        .collect();
    assert_eq!(seeds, [3, 4]);
    assert_eq!(
        runs[0]["weights_sha256"],
        place.train("run", &["--seed", "3"])["weights_sha256"]
    );
    let accuracy = |at: usize| runs[at]["test_accuracy"].as_f64().unwrap();
    let mean = sweep["test_accuracy"]["mean"].as_f64().unwrap();
    // A sum and a half of f64.
    assert!((mean - (accuracy(0) + accuracy(1)) / 2.0).abs() < 1e-15);
    assert!(!place.path().join("runs").exists());
    place
        .run(&["sweep", "--seeds", "0"])
        .fails(2, &["from 1 to 10000"]);
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_stopped_tells_of_the_seeds_that_are_done() {
    let place = Place::new();
    let args = ["sweep", "--dataset", "sample", "--max-steps", "2", "--json"];
    // More seeds than it could get through before it is stopped.
    let args = [&args[..], &["--seeds", "10000"]].concat();
    let ran = super::resume::interrupted_after(&place, &args, ("test accuracy", 2), &["-TERM"]);
    ran.fails(143, &["stopped by SIGTERM"]);
    let sweep = ran.json();
    let runs = sweep["runs"].as_array().unwrap();
    assert!(runs.len() >= 2, "{sweep}");
    assert_eq!(sweep["seeds"], runs.len());
    assert_eq!(runs[1]["seed"], 1);
}
