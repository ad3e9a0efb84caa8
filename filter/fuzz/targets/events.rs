//! Any life of a host: nothing is released without a permit that says what was judged, where a body
//! is cut makes no difference, nothing is granted twice or beyond a quota, and no refusal is
//! remembered that is no longer true.
#![no_main]

use filter_fuzz::Life;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|life: Life<'_>| life.happen());
