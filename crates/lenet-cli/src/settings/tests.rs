//! Which source wins, and that a run's file repeats it.

use lenet_train::TrainConfig;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn nothing_given_is_the_default() {
    let resolved = Settings::default().resolve(Settings::default()).unwrap();
    assert_eq!(resolved.train, TrainConfig::default());
    assert!(resolved.normalize && !resolved.offline);
}

#[test]
fn a_flag_beats_the_file_beats_the_preset_beats_the_default() {
    let file = file("preset = \"article\"\nepochs = 7\nseed = 3\nno-normalize = true\n");
    let flags = Settings {
        seed: Some(9),
        normalize: Some(true),
        ..Settings::default()
    };
    let resolved = flags.resolve(Settings::read(file.path()).unwrap()).unwrap();
    assert_eq!(
        (
            resolved.train.seed,
            resolved.train.epochs,
            resolved.train.batch_size
        ),
        (9, 7, 4)
    );
    assert_eq!(resolved.train.test_batch_size, 1000);
    assert!(resolved.normalize);
}

#[test]
fn a_preset_with_nothing_left_to_set_is_noticed() {
    let article = || Settings {
        preset: Some(Preset::Article),
        ..Settings::default()
    };
    let whole = article().resolve(Settings::default()).unwrap();
    assert!(!whole.void_preset);
    let file = file(&toml::to_string(&whole.settings()).unwrap());
    assert!(
        article()
            .resolve(Settings::read(file.path()).unwrap())
            .unwrap()
            .void_preset
    );
    assert!(
        !Settings::default()
            .resolve(Settings::read(file.path()).unwrap())
            .unwrap()
            .void_preset
    );
}

#[test]
fn the_article_is_trained_on_plain_pixels_in_batches_of_four() {
    let flags = Settings {
        preset: Some(Preset::Article),
        ..Settings::default()
    };
    let resolved = flags.resolve(Settings::default()).unwrap();
    assert_eq!((resolved.train.batch_size, resolved.train.epochs), (4, 200));
    assert!(!resolved.normalize);
    assert_eq!(resolved.train.optimizer, OptimizerKind::Adam);
}

#[test]
fn a_model_and_an_optimizer_bring_their_own_defaults() {
    let resolve = |model, optimizer| {
        let flags = Settings {
            model: Some(model),
            optimizer,
            ..Settings::default()
        };
        let train = flags.resolve(Settings::default()).unwrap().train;
        (train.optimizer, train.lr, train.weight_decay)
    };
    assert_eq!(
        resolve(ModelKind::ConvNet, None),
        (OptimizerKind::Sgd, 0.01, 0.0)
    );
    assert_eq!(
        resolve(ModelKind::Lenet5, None),
        (OptimizerKind::Adam, 0.001, 0.0)
    );
    assert_eq!(
        resolve(ModelKind::Lenet5, Some(OptimizerKind::AdamW)),
        (OptimizerKind::AdamW, 0.001, 0.01)
    );
}

#[test]
fn what_was_resolved_resolves_to_itself() {
    let flags = Settings {
        model: Some(ModelKind::Lenet5On32),
        flavour: Some(Flavour::Of1998),
        optimizer: Some(OptimizerKind::Sgd),
        momentum: Some(0.9),
        nesterov: Some(true),
        val_split: Some(0.1),
        patience: Some(4),
        no_normalize: Some(true),
        no_shuffle: Some(true),
        data_dir: Some("some/where".into()),
        no_accel: Some(true),
        ..Settings::default()
    };
    let resolved = flags.resolve(Settings::default()).unwrap();
    let file = file(&toml::to_string(&resolved.settings()).unwrap());
    let again = Settings::default()
        .resolve(Settings::read(file.path()).unwrap())
        .unwrap();
    assert_eq!(again.train, resolved.train);
    // From whatever folder it is read.
    assert!(again.data_dir.as_deref().unwrap().is_absolute());
    assert_eq!(again.settings(), resolved.settings());
}

#[test]
fn a_bad_file_is_named_with_its_line() {
    for (text, part) in [
        ("epochs = 3\nepoch = 4\n", ":2: unknown field `epoch`"),
        ("model = \"lenet6\"\n", ":1: unknown model `lenet6`"),
        ("lr = \"fast\"\n", ":1: invalid type"),
    ] {
        let file = file(text);
        let read = Settings::read(file.path());
        let error = read
            .and_then(|file| Settings::default().resolve(file))
            .unwrap_err();
        assert!(
            error.is::<Usage>() && error.to_string().contains(part),
            "{error}"
        );
    }
    assert!(Settings::read(Path::new("no/such.toml")).is_err());
}
