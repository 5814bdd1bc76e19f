//! Every level against plain loops.

use proptest::prelude::*;

use super::*;

/// Each method's result on the same values.
struct Methods([[f32; LANES]; LANES]);

impl Kernel for Methods {
    type Output = (Vec<[f32; LANES]>, [u8; LANES]);

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut v = [s.splat(0.0); LANES];
        for (v, values) in v.iter_mut().zip(&self.0) {
            *v = s.load(Lanes::new(values).eight(0));
        }
        let (pooled, cells) = s.relu_max_pool([[v[0], v[1]], [v[2], v[3]]]);
        let mut results = vec![
            s.add(v[0], v[1]),
            s.sub(v[0], v[1]),
            s.mul(v[0], v[1]),
            s.div(v[0], v[1]),
            s.sqrt(v[0]),
            s.flush(v[0]),
            s.splat(s.sum(v[0])),
            s.load_part(&self.0[0][..3]),
            pooled,
        ];
        results.extend(s.transpose(v));
        let store = |v| {
            let mut out = [0.0; LANES];
            s.store(v, &mut out);
            let mut part = [0.0; LANES];
            s.store_part(v, &mut part[..5]);
            assert_eq!(bits(&part[..5]), bits(&out[..5]));
            assert_eq!(part[5..], [0.0; 3]);
            out
        };
        (results.into_iter().map(store).collect(), cells)
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    // One pattern for every NaN: which one comes out is up to the machine.
    let canonical = |v: &f32| if v.is_nan() { f32::NAN } else { *v };
    values.iter().map(|v| canonical(v).to_bits()).collect()
}

/// Each wide method's result on the first values, as many as the level takes.
struct Wide([f32; 16], [f32; 16]);

impl Kernel for Wide {
    type Output = Vec<Vec<f32>>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let [a, b] = [&self.0, &self.1].map(|values| Lanes::new(values).load_wide(s, 0));
        let mut out = Vec::new();
        for v in [
            s.add_wide(a, b),
            s.splat_wide(self.0[0]),
            s.splat_wide(s.sum_wide(a)),
            s.load_wide(&self.0[..3]),
        ] {
            let mut whole = vec![0.0; 16];
            LanesMut::new(&mut whole).store_wide(s, v, 0);
            let mut part = vec![0.0; 5];
            s.store_wide(v, &mut part);
            assert_eq!(bits(&part), bits(&whole[..5]));
            out.push(whole[..S::WIDE].to_vec());
        }
        out
    }
}

/// Numbers with the edges among them, and few enough that ties are common.
fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        5 => (-2i8..3).prop_map(f32::from),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NEG_INFINITY),
        1 => Just(1e-40),
        1 => Just(-1e-40),
        1 => Just(f32::MIN_POSITIVE),
        1 => Just(-0.0),
        3 => -1e6f32..1e6,
    ]
}

proptest! {
    #[test]
    fn every_level_gives_the_same_bits(
        values in prop::array::uniform8(prop::array::uniform8(number())),
    ) {
        let levels = Level::all();
        let expected = run(Level::Portable, Methods(values));
        for level in levels {
            let (results, cells) = run(level, Methods(values));
            prop_assert_eq!(cells, expected.1);
            for (result, expected) in results.iter().zip(&expected.0) {
                prop_assert_eq!(bits(result), bits(expected));
            }
        }
    }

    #[test]
    fn wide_vectors_are_what_plain_loops_make(
        a in prop::array::uniform16(-4f32..4.), b in prop::array::uniform16(-4f32..4.),
    ) {
        for level in Level::all() {
            let n = level.wide();
            let results = run(level, Wide(a, b));
            let sums: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            prop_assert_eq!(&results[0][..], &sums[..n]);
            prop_assert_eq!(&results[1], &vec![a[0]; n]);
            let exact: f64 = a[..n].iter().map(|&v| f64::from(v)).sum();
            // Sixteen values up to 4.
            prop_assert!((f64::from(results[2][0]) - exact).abs() < 1e-5);
            let mut three = vec![0.0; n];
            three[..3].copy_from_slice(&a[..3]);
            prop_assert_eq!(&results[3], &three);
        }
    }

    #[test]
    fn rows_are_two_vectors(top in prop::array::uniform8(number()), bottom in prop::array::uniform8(number())) {
        struct Rows([f32; LANES], [f32; LANES]);
        impl Kernel for Rows {
            type Output = [[f32; LANES]; 2];
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> Self::Output {
                let rows = s.load_rows(&self.0, &self.1);
                let doubled = s.mul_add_rows(s.splat_rows(2.0), rows, s.splat_rows(0.0));
                s.rows(doubled).map(|row| {
                    let mut out = [0.0; LANES];
                    s.store(row, &mut out);
                    out
                })
            }
        }
        for level in Level::all() {
            let rows = run(level, Rows(top, bottom));
            for (row, before) in rows.iter().zip([top, bottom]) {
                // Exact, but for the sign of zero.
                prop_assert_eq!(bits(row), bits(&before.map(|v| 2.0 * v + 0.0)));
            }
        }
    }

    /// Rounded once or twice, a product and a sum of values up to 2 and 4.
    #[test]
    fn a_fused_product_is_the_product(a in -2f32..2., b in -2f32..2., c in -4f32..4.) {
        struct Fused([f32; 3]);
        impl Kernel for Fused {
            type Output = f32;
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> f32 {
                let [a, b, c] = self.0;
                s.sum(s.mul_add(s.splat(a), s.splat(b), s.splat(c))) / 8.0
            }
        }
        let exact = f64::from(a) * f64::from(b) + f64::from(c);
        for level in Level::all() {
            prop_assert!((f64::from(run(level, Fused([a, b, c]))) - exact).abs() < 2e-6);
        }
    }
}

#[test]
fn the_pool_of_a_window_by_hand() {
    struct Pool;
    impl Kernel for Pool {
        type Output = ([f32; LANES], [u8; LANES]);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Output {
            let top = s.load(&[1., 1., -1., -2., 0., 7., f32::NAN, 1.]);
            let bottom = s.load(&[1., 1., -3., -4., 9., 8., 2., f32::NAN]);
            let (values, cells) = s.relu_max_pool([[top, bottom], [bottom, top]]);
            let mut out = [0.0; LANES];
            s.store(values, &mut out);
            (out, cells)
        }
    }
    for level in Level::all() {
        let (values, cells) = run(level, Pool);
        assert_eq!(
            bits(&values),
            bits(&[1., 0., 9., f32::NAN, 1., 0., 9., f32::NAN])
        );
        assert_eq!(cells, [0, 4, 2, 0, 0, 4, 0, 1]);
    }
}

#[test]
fn reading_past_the_end_is_refused() {
    for level in Level::all() {
        struct Read(usize);
        impl Kernel for Read {
            type Output = f32;
            #[inline(always)]
            fn run<S: Simd>(self, s: S) -> f32 {
                s.sum(s.load(Lanes::new(&[1.0; 10]).eight(self.0)))
            }
        }
        assert_eq!(run(level, Read(2)), 8.0);
        for start in [3, 10, usize::MAX] {
            assert!(std::panic::catch_unwind(|| run(level, Read(start))).is_err());
        }
    }
}
