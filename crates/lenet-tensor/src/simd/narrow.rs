//! For machines whose widest vector is that of eight: what [`super::Simd`] asks of
//! wide vectors, in terms of those.

macro_rules! eight_is_widest {
    () => {
        type W = Self::V;
        const WIDE: usize = LANES;
        type Rows = [Self::V; 2];
        const ROW_PAIRS: usize = 1;

        #[inline(always)]
        fn splat_wide(self, value: f32) -> Self::W {
            self.splat(value)
        }

        #[inline(always)]
        fn add_wide(self, a: Self::W, b: Self::W) -> Self::W {
            self.add(a, b)
        }

        #[inline(always)]
        fn mul_add_wide(self, a: Self::W, b: Self::W, c: Self::W) -> Self::W {
            self.mul_add(a, b, c)
        }

        #[inline(always)]
        fn sum_wide(self, v: Self::W) -> f32 {
            self.sum(v)
        }

        #[inline(always)]
        fn load_wide(self, from: &[f32]) -> Self::W {
            match from.first_chunk() {
                Some(eight) => self.load(eight),
                None => self.load_part(from),
            }
        }

        #[inline(always)]
        fn store_wide(self, v: Self::W, to: &mut [f32]) {
            match to.first_chunk_mut() {
                Some(eight) => self.store(v, eight),
                None => self.store_part(v, to),
            }
        }

        #[inline(always)]
        fn splat_rows(self, value: f32) -> Self::Rows {
            [self.splat(value); 2]
        }

        #[inline(always)]
        fn load_rows(self, top: &[f32; LANES], bottom: &[f32; LANES]) -> Self::Rows {
            [self.load(top), self.load(bottom)]
        }

        #[inline(always)]
        fn mul_add_rows(self, a: Self::Rows, b: Self::Rows, c: Self::Rows) -> Self::Rows {
            [
                self.mul_add(a[0], b[0], c[0]),
                self.mul_add(a[1], b[1], c[1]),
            ]
        }

        #[inline(always)]
        fn rows(self, rows: Self::Rows) -> [Self::V; 2] {
            rows
        }
    };
}

pub(super) use eight_is_widest;
