//! `lenet bench`: what it says, not how fast it is.

use super::Place;

#[test]
fn a_bench_names_the_machine_and_its_figures_are_numbers() {
    let place = Place::new();
    let bench = ["bench", "--seconds", "0.01", "--threads", "2"];
    let ran = place
        .run(&[&bench[..], &["--json", "--quiet"]].concat())
        .ok();
    assert_eq!(ran.stderr, "");
    let json = ran.json();
    assert_eq!(json["model"], "lenet5");
    assert_eq!(json["threads"], 2);
    assert!(["avx512", "avx2", "portable"].contains(&json["vectors"].as_str().unwrap()));
    for (part, figures) in [
        ("training", &["samples_per_second"][..]),
        ("one_image", &["median_us", "p99_us"]),
        ("many_images", &["images_per_second"]),
    ] {
        assert!(json[part]["rounds"].as_u64().unwrap() >= 3, "{part}");
        for figure in figures {
            let value = json[part][figure].as_f64().unwrap();
            assert!(value.is_finite() && value > 0.0, "{part} {figure}: {value}");
        }
    }
    assert_eq!(json["training"]["batch_size"], 64);
    assert_eq!(json["many_images"]["images"], 10_000);

    let model = ["--model", "lenet5-32", "--flavour", "1998"];
    let table = place.run(&[&bench[..], &model].concat()).ok().stdout;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("lenet5-32 on 2 threads, "), "{table}");
    assert!(table.contains("samples/s") && table.contains("µs (p99"));
}

#[test]
fn what_makes_no_sense_is_usage() {
    let place = Place::new();
    let bench = |more: &[&str]| place.run(&[&["bench"], more].concat());
    bench(&["--seconds", "0"]).fails(2, &["above 0 and at most 3600"]);
    bench(&["--seconds", "NaN"]).fails(2, &["above 0 and at most 3600"]);
    bench(&["--flavour", "1998"]).fails(2, &["1998", "lenet5-32"]);
}
