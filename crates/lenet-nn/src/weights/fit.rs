//! Whether a file's tensors are a model's, and everything in which they are not.

use std::collections::BTreeSet;

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use lenet_tensor::Key;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::is_counter;
use crate::models::ModelKind;
use crate::params::{Entry, Parameters};

/// What a file gives a model.
pub(super) struct Fit {
    /// A tensor for each entry, in its dtype and on its device.
    pub(super) tensors: Vec<Tensor>,
    /// The dtypes that were converted to f32.
    pub(super) converted: BTreeSet<&'static str>,
}

/// A tensor for each entry, or everything that is wrong.
pub(super) fn fit(file: &SafeTensors<'_>, entries: &[Entry]) -> Result<Fit, Vec<String>> {
    let mut problems = Vec::new();
    let mut fit = Fit {
        tensors: Vec::with_capacity(entries.len()),
        converted: BTreeSet::new(),
    };
    for entry in entries {
        let name = &entry.name;
        match file.tensor(name) {
            Err(_) => problems.push(format!("`{name}` is missing")),
            Ok(view) => match tensor(entry, &view) {
                Ok(tensor) => {
                    fit.tensors.push(tensor);
                    fit.converted.extend(converted(&view));
                }
                Err(problem) => problems.push(format!("`{name}` {problem}")),
            },
        }
    }
    let mut extra: Vec<&str> = file
        .names()
        .into_iter()
        .filter(|name| !entries.iter().any(|entry| entry.name == *name))
        .collect();
    extra.sort_unstable();
    problems.extend(
        extra
            .iter()
            .map(|name| format!("`{name}` is not of this model")),
    );
    if problems.is_empty() {
        return Ok(fit);
    }
    problems.extend(hint(file, entries));
    Err(problems)
}

/// The tensor as the entry takes it, or what is wrong with it.
fn tensor(entry: &Entry, view: &TensorView<'_>) -> Result<Tensor, String> {
    if view.shape() != entry.var.dims() {
        return Err(format!(
            "is {:?}, expected {:?}",
            view.shape(),
            entry.var.dims()
        ));
    }
    let integer = match view.dtype() {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64 => false,
        // PyTorch counts BatchNorm's batches in I64; other programs may in less.
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::U32 | Dtype::U16 | Dtype::U8
            if is_counter(entry) =>
        {
            true
        }
        other => return Err(format!("holds {other:?}, expected F32, F16, BF16 or F64")),
    };
    let read = || {
        let tensor = view.load(&Device::Cpu)?;
        let tensor = if integer {
            // By way of f64, which candle has a way to from every integer.
            tensor.to_dtype(DType::F64)?
        } else {
            tensor
        };
        let problem = problem(&tensor, entry)?;
        let tensor = tensor.to_dtype(entry.var.dtype())?;
        Ok::<_, candle_core::Error>((tensor.to_device(entry.var.device())?, problem))
    };
    match read() {
        Ok((tensor, None)) => Ok(tensor),
        Ok((_, Some(problem))) => Err(problem),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// The first value that the entry cannot take, with its place in the flat tensor.
fn problem(tensor: &Tensor, entry: &Entry) -> candle_core::Result<Option<String>> {
    let flat = tensor.flatten_all()?;
    let given = flat.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    let taken = flat.to_dtype(entry.var.dtype())?.to_dtype(DType::F64)?;
    let taken = taken.to_vec1::<f64>()?;
    Ok((0..given.len()).find_map(|at| {
        let value = given[at];
        if !value.is_finite() {
            Some(format!("holds {value} at position {at}"))
        } else if !taken[at].is_finite() {
            let dtype = entry.var.dtype().as_str();
            Some(format!(
                "holds {value:e} at position {at}, too large for {dtype}"
            ))
        } else if is_counter(entry) && value < 0.0 {
            Some(format!("holds {value}, expected a count"))
        } else {
            None
        }
    }))
}

fn converted(view: &TensorView<'_>) -> Option<&'static str> {
    match view.dtype() {
        Dtype::F16 => Some("f16"),
        Dtype::BF16 => Some("bf16"),
        Dtype::F64 => Some("f64"),
        _ => None,
    }
}

/// What would make the file fit.
fn hint(file: &SafeTensors<'_>, entries: &[Entry]) -> Option<String> {
    let fits = |prefix: &str, entries: &[Entry]| {
        file.len() == entries.len()
            && entries.iter().all(|entry| {
                let view = file.tensor(&format!("{prefix}{}", entry.name));
                view.is_ok_and(|view| view.shape() == entry.var.dims())
            })
    };
    if fits("", entries) {
        // It is not the model: the values are no good.
        return None;
    }
    let other = |prefix: &str| {
        ModelKind::ALL.into_iter().find(|kind| {
            let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
            kind.build(Default::default(), &parameters).is_ok()
                && fits(prefix, &parameters.entries())
        })
    };
    if let Some(kind) = other("") {
        return Some(format!("the file fits `model` {kind}"));
    }
    let prefix = common_prefix(&file.names())?;
    let module = prefix.trim_end_matches('.');
    if fits(prefix, entries) {
        return Some(format!(
            "without `{prefix}` before each name the file would fit: save model.{module}"
        ));
    }
    other(prefix).map(|kind| {
        format!(
            "without `{prefix}` before each name the file would fit `model` {kind}: save \
             model.{module}"
        )
    })
}

/// What all names begin with, up to a dot: `module.` of DataParallel, `_orig_mod.` of
/// torch.compile, or the name of a field.
fn common_prefix<'a>(names: &[&'a str]) -> Option<&'a str> {
    let first = *names.first()?;
    let ends = first.match_indices('.').map(|(at, _)| &first[..=at]);
    ends.rev()
        .find(|prefix| names.iter().all(|name| name.starts_with(prefix)))
}
