//! Golden files: what PyTorch computed, for tests to compare with. `docs/golden.md`
//! says what they hold; `benches/peers/golden` writes them.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper: it panics at what does not fit"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device, Result, Tensor, Var};

/// A file of cases, each named `operation/name`.
///
/// Everything here panics at what does not fit: it serves tests alone.
pub struct Golden {
    tensors: BTreeMap<String, Tensor>,
    read: RefCell<BTreeSet<String>>,
}

impl Golden {
    /// Reads a file in safetensors.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let read = candle_core::safetensors::load(path, &Device::Cpu);
        let tensors = read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            tensors: tensors.into_iter().collect(),
            read: RefCell::default(),
        }
    }

    /// The operations that the file has cases of.
    pub fn operations(&self) -> Vec<&str> {
        let operations = self.tensors.keys().filter_map(|key| key.split('/').next());
        operations.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Calls `f` with each case of an operation.
    ///
    /// # Panics
    /// When there are more cases or fewer than `expected`, or when `f` left anything
    /// of them unread.
    pub fn each(&self, operation: &str, expected: usize, f: impl Fn(&Case<'_>)) {
        let prefix = format!("{operation}/");
        let keys = || self.tensors.keys().filter(|key| key.starts_with(&prefix));
        let mut cases: Vec<&str> = keys()
            .filter_map(|key| key[prefix.len()..].split('/').next())
            .collect();
        cases.dedup();
        assert_eq!(cases.len(), expected, "cases of {operation}: {cases:?}");
        for case in cases {
            f(&Case {
                golden: self,
                name: format!("{prefix}{case}"),
            });
        }
        let read = self.read.borrow();
        let unread: Vec<&String> = keys().filter(|&key| !read.contains(key)).collect();
        assert!(unread.is_empty(), "no test reads {unread:?}");
    }
}

/// One case of a golden file: inputs, and results in f32 and in f64.
pub struct Case<'a> {
    golden: &'a Golden,
    name: String,
}

impl Case<'_> {
    /// `operation/name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of what the case has below `folder`, sorted.
    pub fn names_below(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{}/{folder}/", self.name);
        let keys = self.golden.tensors.keys();
        keys.filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned))
            .collect()
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        let key = format!("{}/{name}", self.name);
        self.golden.tensors.contains_key(&key)
    }

    fn find(&self, name: &str) -> Option<&Tensor> {
        let key = format!("{}/{name}", self.name);
        let tensor = self.golden.tensors.get(&key)?;
        self.golden.read.borrow_mut().insert(key);
        Some(tensor)
    }

    /// A tensor as it was stored.
    ///
    /// # Panics
    /// When there is none.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.find(name)
            .unwrap_or_else(|| panic!("{}: `{name}` is missing", self.name))
    }

    /// Whole numbers: options, labels, a shape.
    ///
    /// # Panics
    /// When there are none.
    pub fn integers(&self, name: &str) -> Vec<usize> {
        let values = self.tensor(name).to_vec1::<i64>().unwrap();
        values.into_iter().map(|v| v as usize).collect()
    }

    /// Numbers in f64.
    ///
    /// # Panics
    /// When there are none.
    pub fn floats(&self, name: &str) -> Vec<f64> {
        flat(self.tensor(name))
    }

    /// An input, as stored or drawn from the hash of its name.
    ///
    /// # Panics
    /// When there is none.
    pub fn input(&self, name: &str, dtype: DType) -> Tensor {
        match self.find(name) {
            Some(stored) => stored.to_dtype(dtype).unwrap(),
            None => {
                let shape = self.integers(&format!("{name}/shape"));
                hashed(&format!("{}/{name}", self.name), &shape, dtype)
            }
        }
    }

    /// Compares a result with what PyTorch made, value by value, or its digest where
    /// that alone is stored.
    ///
    /// # Panics
    /// With a value that differs by more than `tolerance` times the
    /// larger of it and the root mean square of the whole tensor.
    pub fn check(&self, name: &str, actual: &Tensor, tolerance: f64) {
        let stored = format!("{name}/{}", actual.dtype().as_str());
        let what = format!("{}/{stored}", self.name);
        if let Some(expected) = self.find(&stored) {
            assert_eq!(actual.dims(), expected.dims(), "{what}");
            compare(&flat(actual), &flat(expected), tolerance, &what);
        } else {
            self.check_digest(&format!("{stored}/digest"), actual, tolerance);
        }
    }

    /// Compares a tensor with the digest `name`: 32 of its values or as many as there
    /// are, the sum of its squares, and its dot product with the values of the name
    /// `digest`.
    ///
    /// # Panics
    /// As [`Case::check`]. The sums may be off by what such errors come to, being
    /// independent of each other.
    pub fn check_digest(&self, name: &str, actual: &Tensor, tolerance: f64) {
        let what = format!("{}/{name}", self.name);
        let expected = self.floats(name);
        let values = flat(actual);
        let n = values.len();
        let count = n.min(PICKS);
        assert_eq!(expected.len(), count + 2, "{what}: values of the digest");
        let weights = flat(&hashed("digest", &[n], DType::F64));
        let squares: f64 = values.iter().map(|v| v * v).sum();
        let dot: f64 = values.iter().zip(&weights).map(|(v, w)| v * w).sum();

        let (picks, sums) = expected.split_at(count);
        let size = (sums[0] / n as f64).sqrt();
        for (i, &pick) in picks.iter().enumerate() {
            close(values[i * n / count], pick, tolerance, size, &what);
        }
        close(
            squares,
            sums[0],
            2.0 * tolerance,
            0.0,
            &format!("{what}: sum of squares"),
        );
        let largest = size * (n as f64).sqrt();
        close(
            dot,
            sums[1],
            tolerance,
            largest,
            &format!("{what}: dot product"),
        );
    }

    /// Runs `f` on the named inputs and compares its result `y` and the gradients of
    /// the inputs under the upstream gradient `grad`.
    ///
    /// # Panics
    /// As [`Case::check`], or when `f` or its backward fails.
    pub fn run(
        &self,
        inputs: &[&str],
        dtype: DType,
        tolerance: f64,
        f: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) {
        let vars: Vec<Var> = inputs
            .iter()
            .map(|name| Var::from_tensor(&self.input(name, dtype)).unwrap())
            .collect();
        let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let y = f(&tensors).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.check("y", &y, tolerance);
        let gradients = (y * self.input("grad", dtype)).unwrap().sum_all().unwrap();
        let gradients = gradients.backward().unwrap();
        for (name, var) in inputs.iter().zip(&vars) {
            let what = format!("{name}.grad");
            let gradient = gradients.get(var);
            let gradient = gradient.unwrap_or_else(|| panic!("{}: no {what}", self.name));
            self.check(&what, gradient, tolerance);
        }
    }
}

const PICKS: usize = 32;

/// Values in `[-1, 1)` on a grid of 2⁻²³, by name: SplitMix64 (Steele 2014).
///
/// # Panics
/// Never for a shape that fits into memory.
pub fn hashed(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    let seed = crate::random::fnv1a(name.as_bytes());
    let value = |i: u64| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    };
    let values: Vec<f64> = (1..=shape.iter().product::<usize>() as u64)
        .map(value)
        .collect();
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    tensor.to_dtype(dtype).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    let wide = tensor.detach().to_dtype(DType::F64).unwrap();
    wide.flatten_all().unwrap().to_vec1().unwrap()
}

fn compare(actual: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let finite: Vec<f64> = expected.iter().copied().filter(|v| v.is_finite()).collect();
    let squares: f64 = finite.iter().map(|v| v * v).sum();
    let size = (squares / finite.len().max(1) as f64).sqrt();
    for (i, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        close(
            actual,
            expected,
            tolerance,
            size,
            &format!("{what}, value {i}"),
        );
    }
}

fn close(actual: f64, expected: f64, tolerance: f64, size: f64, what: &str) {
    let allowed = tolerance * expected.abs().max(size);
    let agree = actual == expected
        || (actual.is_nan() && expected.is_nan())
        || (actual - expected).abs() <= allowed;
    assert!(
        agree,
        "{what}: {actual:e} where PyTorch has {expected:e}, off by {:e}, allowed {allowed:e}",
        (actual - expected).abs()
    );
}
