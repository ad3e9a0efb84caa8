//! Which instructions the kernels use.

use std::{fmt, str::FromStr};

/// A set of instructions that this processor has.
///
/// Values exist only where they can run: [`Kernel::best`] and parsing both ask the processor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Set {
    Avx512,
    Avx2,
    Portable,
}

impl Kernel {
    /// Plain Rust, on any processor.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The fastest set of this processor.
    pub fn best() -> Self {
        Self::all().next().unwrap_or(Self::PORTABLE)
    }

    /// Every set of this processor, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Set::Avx512, Set::Avx2, Set::Portable].into_iter().filter(|set| set.is_here()).map(Self)
    }

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    pub(crate) fn set(self) -> Set {
        self.0
    }
}

impl Set {
    fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        match self {
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        self == Self::Portable
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        let set =
            [Set::Avx512, Set::Avx2, Set::Portable].into_iter().find(|set| set.name() == name);
        match set {
            Some(set) if set.is_here() => Ok(Self(set)),
            Some(_) => Err(UnknownKernel::NotHere(name.to_owned())),
            None => Err(UnknownKernel::NoSuch(name.to_owned())),
        }
    }
}

/// A name that is no [`Kernel`] of this processor.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownKernel {
    /// There is no set of that name.
    #[error("`{0}` is no kernel; expected avx512, avx2 or portable")]
    NoSuch(String),
    /// This processor does not have its instructions.
    #[error("this processor cannot run the kernel `{0}`")]
    NotHere(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_kernel_is_everywhere_and_every_kernel_is_found_by_its_name() {
        assert_eq!(Kernel::all().last(), Some(Kernel::PORTABLE));
        for kernel in Kernel::all() {
            assert_eq!(kernel.name().parse(), Ok(kernel));
        }
        assert_eq!("neon".parse::<Kernel>(), Err(UnknownKernel::NoSuch("neon".into())));
    }
}
