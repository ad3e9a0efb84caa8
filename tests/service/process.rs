//! Programs that tests start beside the node.

use std::path::PathBuf;
use std::process::Child;

/// The Python that `scripts/setup service` has filled.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("LUNETTE_TEST_SERVICE").expect("LUNETTE_TEST_SERVICE, as make sets it").into()
}

/// A program that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
