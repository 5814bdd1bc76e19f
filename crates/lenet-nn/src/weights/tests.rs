//! Files written, read, damaged and refused.

use candle_core::{Device, Tensor};
use lenet_tensor::Key;
use proptest::prelude::*;

use super::*;
use crate::{Model, ModelKind};

fn build(kind: ModelKind, seed: u64) -> (Box<dyn Model>, Parameters) {
    let parameters = Parameters::new(Key::from_seed(seed), &Device::Cpu);
    let model = kind.build(Default::default(), &parameters).unwrap();
    (model, parameters)
}

fn saved(kind: ModelKind, seed: u64) -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let (_, parameters) = build(kind, seed);
    let metadata = Metadata {
        model: kind.name().to_owned(),
        normalize: Some((0.1307, 0.3081)),
        ..Metadata::default()
    };
    save(&path, &parameters, &metadata).unwrap();
    (folder, path, sha256(&parameters).unwrap())
}

#[test]
fn what_is_saved_loads_equal_for_every_model() {
    for kind in ModelKind::ALL {
        let (_folder, path, hash) = saved(kind, 1);
        let (_, other) = build(kind, 2);
        assert_ne!(sha256(&other).unwrap(), hash);
        load(&path, &other).unwrap();
        assert_eq!(sha256(&other).unwrap(), hash, "{kind}");
        let metadata = metadata(&path).unwrap().unwrap();
        assert_eq!(
            (metadata.model.as_str(), metadata.normalize),
            (kind.name(), Some((0.1307, 0.3081)))
        );
    }
}

#[test]
fn the_hash_is_over_sorted_names_and_values() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let vb = parameters.builder();
    vb.get_with_hints(2, "b", candle_nn::Init::Const(1.5))
        .unwrap();
    vb.get_with_hints((), "a", candle_nn::Init::Const(-2.0))
        .unwrap();
    let mut bytes = b"a\0".to_vec();
    bytes.extend((-2f32).to_le_bytes());
    bytes.extend(b"b\0");
    bytes.extend(1.5f32.to_le_bytes());
    bytes.extend(1.5f32.to_le_bytes());
    let expected: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(sha256(&parameters).unwrap(), expected);
}

#[test]
fn another_models_file_lists_everything_and_changes_nothing() {
    let (_folder, path, _) = saved(ModelKind::ConvNet, 1);
    let (_, parameters) = build(ModelKind::Lenet5, 2);
    let before = sha256(&parameters).unwrap();
    let error = load(&path, &parameters).unwrap_err().to_string();
    for part in [
        "w.safetensors: does not fit the model",
        "`conv1.weight` is [10, 1, 5, 5], expected [6, 1, 5, 5]",
        "`fc3.weight` is missing",
        "`fc3.bias` is missing",
    ] {
        assert!(error.contains(part), "{part} not in: {error}");
    }
    assert_eq!(sha256(&parameters).unwrap(), before);
    let (_folder, path, _) = saved(ModelKind::Lenet5, 1);
    let (_, parameters) = build(ModelKind::ConvNet, 2);
    let error = load(&path, &parameters).unwrap_err().to_string();
    assert!(
        error.contains("`fc3.bias` is not of this model; `fc3.weight` is not of this model"),
        "{error}"
    );
}

#[test]
fn nan_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.safetensors");
    let (_, bad) = build(ModelKind::Lenet5, 1);
    let entry = bad.entries().remove(9);
    entry
        .var
        .set(&entry.var.affine(f64::NAN, 0.0).unwrap())
        .unwrap();
    save(&path, &bad, &Metadata::default()).unwrap();
    let (_, parameters) = build(ModelKind::Lenet5, 2);
    let before = sha256(&parameters).unwrap();
    let error = load(&path, &parameters).unwrap_err().to_string();
    assert!(
        error.ends_with("`fc3.bias` holds NaN at position 0"),
        "{error}"
    );
    assert_eq!(sha256(&parameters).unwrap(), before);
}

#[test]
fn files_that_are_no_weights_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pt");
    let (_, parameters) = build(ModelKind::Lenet5, 2);
    assert!(matches!(load(&path, &parameters), Err(Error::Io { .. })));
    for (bytes, part) in [
        (&b"PK\x03\x04rest"[..], "PyTorch pickle"),
        (b"hello world", "expected safetensors"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = load(&path, &parameters).unwrap_err().to_string();
        assert!(
            error.contains("x.pt: not a weights file") && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn a_file_from_elsewhere_has_no_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let (_, parameters) = build(ModelKind::Lenet5, 1);
    let tensors: HashMap<String, Tensor> = parameters
        .entries()
        .into_iter()
        .map(|e| (e.name, e.var.as_tensor().clone()))
        .collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    assert_eq!(metadata(&path).unwrap(), None);
    let (_, other) = build(ModelKind::Lenet5, 2);
    load(&path, &other).unwrap();
    assert_eq!(sha256(&other).unwrap(), sha256(&parameters).unwrap());
}

#[test]
fn a_failed_save_leaves_the_file_that_was_there() {
    let (_, parameters) = build(ModelKind::ConvNet, 1);
    let error = save(
        Path::new("/nowhere/at/all/w.safetensors"),
        &parameters,
        &Metadata::default(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("/nowhere/at/all/w.safetensors: ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files_never_panic_nor_change_anything_halfway(at in 0usize..90_000, byte: u8, cut in 0usize..90_000) {
        let (_folder, path, hash) = saved(ModelKind::ConvNet, 1);
        let mut bytes = fs::read(&path).unwrap();
        let (at, cut) = (at % bytes.len(), cut % bytes.len());
        bytes[at] = byte;
        for damaged in [&bytes[..], &bytes[..cut]] {
            fs::write(&path, damaged).unwrap();
            let (_, parameters) = build(ModelKind::ConvNet, 2);
            let before = sha256(&parameters).unwrap();
            let _ = metadata(&path);
            match load(&path, &parameters) {
                Err(_) => prop_assert_eq!(sha256(&parameters).unwrap(), before),
                // A changed value is a value; what loads is all of the file.
                Ok(_) => prop_assert!(damaged.len() > cut || sha256(&parameters).unwrap() == hash),
            }
        }
    }
}

/// LeNet-5's tensors in another dtype, or by other names.
fn elsewhere(path: &Path, dtype: DType, prefix: &str, change: impl Fn(&str, Tensor) -> Tensor) {
    let (_, parameters) = build(ModelKind::Lenet5, 1);
    let tensors: HashMap<String, Tensor> = parameters
        .entries()
        .into_iter()
        .map(|entry| {
            let tensor = change(&entry.name, entry.var.as_tensor().detach());
            (
                format!("{prefix}{}", entry.name),
                tensor.to_dtype(dtype).unwrap(),
            )
        })
        .collect();
    candle_core::safetensors::save(&tensors, path).unwrap();
}

#[test]
fn other_floats_are_converted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let (_, original) = build(ModelKind::Lenet5, 1);
    for (dtype, name, tolerance) in [
        // Half a unit of the last of 11 and of 8 bits, relative; f64 holds all of f32.
        (DType::F16, "f16", 4.9e-4),
        (DType::BF16, "bf16", 3.91e-3),
        (DType::F64, "f64", 0.0),
    ] {
        elsewhere(&path, dtype, "", |_, tensor| tensor);
        let (_, loaded) = build(ModelKind::Lenet5, 2);
        assert_eq!(load(&path, &loaded).unwrap().converted, [name]);
        for (a, b) in original.entries().iter().zip(loaded.entries()) {
            let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (a, b) in values(&a.var).into_iter().zip(values(&b.var)) {
                // f16 has a smallest step, too: 2^-24.
                assert!(
                    (a - b).abs() <= tolerance * a.abs() + 6e-8,
                    "{name}: {a} {b}"
                );
            }
        }
    }
    elsewhere(&path, DType::F32, "", |_, tensor| tensor);
    let (_, loaded) = build(ModelKind::Lenet5, 2);
    assert!(load(&path, &loaded).unwrap().converted.is_empty());
}

#[test]
fn what_does_not_convert_is_named_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let (_, parameters) = build(ModelKind::Lenet5, 2);
    let before = sha256(&parameters).unwrap();
    // Finite as f64, not as f32.
    elsewhere(&path, DType::F64, "", |name, tensor| {
        let factor = if name == "fc1.bias" { 1e300 } else { 1.0 };
        (tensor.to_dtype(DType::F64).unwrap() * factor).unwrap()
    });
    let error = load(&path, &parameters).unwrap_err().to_string();
    assert!(
        error.contains("`fc1.bias` holds")
            && error.contains("e298 at position 0, too large for f32"),
        "{error}"
    );
    elsewhere(&path, DType::U32, "", |_, tensor| tensor.abs().unwrap());
    let error = load(&path, &parameters).unwrap_err().to_string();
    assert!(
        error.contains("`conv1.weight` holds U32, expected F32, F16, BF16 or F64"),
        "{error}"
    );
    assert_eq!(sha256(&parameters).unwrap(), before);
}

#[test]
fn a_file_that_would_fit_elsewhere_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let error = |kind| {
        let (_, parameters) = build(kind, 2);
        load(&path, &parameters).unwrap_err().to_string()
    };
    let of = |prefix: &str| elsewhere(&path, DType::F32, prefix, |_, tensor| tensor);
    let without = |prefix: &str| format!("without `{prefix}` before each name the file would fit");
    for (prefix, module) in [
        ("module.", "module"),
        ("_orig_mod.", "_orig_mod"),
        ("module._orig_mod.", "module._orig_mod"),
        ("net.", "net"),
    ] {
        of(prefix);
        let here = format!("{}: save model.{module}", without(prefix));
        assert!(error(ModelKind::Lenet5).ends_with(&here));
        let there = format!("{} `model` lenet5: save model.{module}", without(prefix));
        assert!(error(ModelKind::ConvNet).ends_with(&there));
    }
    of("");
    assert!(error(ModelKind::ConvNet).ends_with("the file fits `model` lenet5"));
    // Nothing would help.
    elsewhere(&path, DType::F32, "else.", |_, tensor| {
        tensor.flatten_all().unwrap()
    });
    assert!(error(ModelKind::Lenet5).ends_with("`else.fc3.weight` is not of this model"));
}

#[test]
fn a_count_may_be_any_integer_but_not_below_zero() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let (_, original) = build(ModelKind::Lenet5Plus, 1);
    let write = |dtype: DType, count: f64| {
        let tensors: HashMap<String, Tensor> = original
            .entries()
            .into_iter()
            .map(|entry| {
                let tensor = entry.var.as_tensor().detach();
                let tensor = if is_counter(&entry) {
                    tensor.affine(0.0, count).unwrap().to_dtype(dtype).unwrap()
                } else {
                    tensor
                };
                (entry.name, tensor)
            })
            .collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
    };
    let (_, loaded) = build(ModelKind::Lenet5Plus, 2);
    for dtype in [
        DType::I64,
        DType::I32,
        DType::I16,
        DType::U32,
        DType::U8,
        DType::F32,
    ] {
        write(dtype, 7.0);
        assert!(load(&path, &loaded).unwrap().converted.is_empty());
        let counters = loaded.entries().into_iter().filter(is_counter);
        let counts: Vec<f32> = counters.map(|e| e.var.to_scalar().unwrap()).collect();
        assert_eq!(counts, [7.0; 4], "{dtype:?}");
    }
    let before = sha256(&loaded).unwrap();
    write(DType::I64, -1.0);
    let error = load(&path, &loaded).unwrap_err().to_string();
    assert!(
        error.contains("`block1.norm1.num_batches_tracked` holds -1, expected a count"),
        "{error}"
    );
    assert_eq!(sha256(&loaded).unwrap(), before);
}
