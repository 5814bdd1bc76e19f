//! Vectors as arrays: what any machine can run, and what the others are tested
//! against. The compiler makes of it what the target has at least (SSE2, NEON).

use super::{Cell, LANES, Simd};
use crate::reduce::exceeds;

#[derive(Clone, Copy)]
pub(super) struct Portable;

type V = [f32; LANES];

macro_rules! lane_by_lane {
    ($name:ident($($v:ident),+) $expression:expr) => {
        #[inline(always)]
        fn $name(self, $($v: V),+) -> V {
            let mut out = [0.0; LANES];
            for i in 0..LANES {
                $(let $v = $v[i];)+
                out[i] = $expression;
            }
            out
        }
    };
}

impl Simd for Portable {
    type V = V;

    super::narrow::eight_is_widest!();

    #[inline(always)]
    fn splat(self, value: f32) -> V {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &V) -> V {
        *from
    }

    #[inline(always)]
    fn store(self, v: V, to: &mut V) {
        *to = v;
    }

    lane_by_lane!(add(a, b) a + b);
    lane_by_lane!(sub(a, b) a - b);
    lane_by_lane!(mul(a, b) a * b);
    lane_by_lane!(div(a, b) a / b);
    lane_by_lane!(sqrt(v) v.sqrt());
    // Without the instruction, `f32::mul_add` is a call that takes 50 times as long.
    lane_by_lane!(mul_add(a, b, c) if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    });
    lane_by_lane!(flush(v) if v.abs() < f32::MIN_POSITIVE { 0.0 } else { v });

    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        let four = [v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]];
        (four[0] + four[2]) + (four[1] + four[3])
    }

    #[inline(always)]
    fn transpose(self, rows: [V; LANES]) -> [V; LANES] {
        let mut columns = [[0.0; LANES]; LANES];
        for (i, row) in rows.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                columns[j][i] = value;
            }
        }
        columns
    }

    #[inline(always)]
    fn relu_max_pool(self, channels: [[V; 2]; 2]) -> (V, [u8; LANES]) {
        let (mut values, mut cells) = ([0.0; LANES], [0; LANES]);
        for i in 0..LANES {
            let [top, bottom] = channels[i / 4];
            let left = i % 4 * 2;
            let window = [top[left], top[left + 1], bottom[left], bottom[left + 1]];
            let (mut value, mut cell) = (window[0], 0);
            for (at, &other) in window.iter().enumerate().skip(1) {
                if exceeds(other, value) {
                    (value, cell) = (other, at as u8);
                }
            }
            // NaN is not `<= 0`: it passes.
            if value <= 0.0 {
                (value, cell) = (0.0, Cell::OFF);
            }
            (values[i], cells[i]) = (value, cell);
        }
        (values, cells)
    }
}
