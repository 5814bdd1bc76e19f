//! `lenet lr-find`: a suggestion, its curve, and what makes no sense.

use super::Place;

const FIND: [&str; 3] = ["lr-find", "--dataset", "sample"];

#[test]
fn a_rate_is_suggested_that_train_takes() {
    let place = Place::new();
    let args = [&FIND[..], &["-o", "curve.svg"]].concat();
    let ran = place.run(&args).ok();
    let rate: f64 = ran.stdout.trim().parse().unwrap();
    assert!((1e-4..1e-1).contains(&rate), "{rate}");
    assert!(
        ran.stderr.contains('*') && ran.stderr.contains('^'),
        "{}",
        ran.stderr
    );
    let picture = std::fs::read_to_string(place.path().join("curve.svg")).unwrap();
    assert!(picture.contains(&format!("suggestion {}", ran.stdout.trim())));
    place.train("run", &["--lr", ran.stdout.trim()]);

    // A run's settings, and the same rate with more digits.
    let args = [
        &FIND[..],
        &["--config", "run/config.toml", "--json", "--quiet"],
    ]
    .concat();
    let ran = place.run(&args).ok();
    assert_eq!(ran.stderr, "");
    let json = ran.json();
    let again = json["suggestion"].as_f64().unwrap();
    assert_eq!(format!("{again:.2e}"), format!("{rate:.2e}"));
    let lengths = ["rates", "losses", "smoothed"].map(|key| json[key].as_array().unwrap().len());
    assert_eq!(lengths, [lengths[0]; 3]);
    assert!((100..=200).contains(&lengths[0]), "{}", lengths[0]);
    assert_eq!(json["rates"][0], 1e-6);
}

#[test]
fn what_makes_no_sense_is_usage_and_writes_nothing() {
    let place = Place::new();
    let find = |more: &[&str]| place.run(&[&FIND[..], &["-o", "curve.svg"], more].concat());
    find(&["--steps", "0"]).fails(2, &["--steps is 0: expected at least 3"]);
    find(&["--from", "1", "--to", "0.1"]).fails(2, &["--to is 0.1", "above --from, 1"]);
    find(&["--from", "10"]).fails(2, &["--to is 1"]);
    find(&["--from", "-1", "--steps", "1"]).fails(2, &["--from is -1", "--steps is 1"]);
    find(&["--optimizer", "sgd", "--from", "10"]).fails(2, &["--to is 10"]);
    find(&["--model", "lenet6"]).fails(2, &["lenet6"]);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_rate_that_never_helps_is_said() {
    let place = Place::new();
    let more = [
        "--optimizer",
        "sgd",
        "--from",
        "1e20",
        "--to",
        "1e21",
        "--json",
    ];
    let ran = place.run(&[&FIND[..], &more].concat());
    ran.fails(1, &["no learning rate from 1e20 to 1e21", "--from"]);
    assert!(ran.json()["suggestion"].is_null());
}
