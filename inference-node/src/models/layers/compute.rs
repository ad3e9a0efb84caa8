//! Where layers run: chosen once, at the start.

use std::{fmt, str::FromStr};

use candle_core::Device;
use kernels::{Kernel, UnknownKernel};
use serde::Deserialize;

/// Where layers run, and how.
#[derive(Clone)]
pub struct Compute {
    /// What holds weights and maps.
    pub device: Device,
    /// The instructions of a CPU's layers.
    pub kernel: Kernel,
}

/// Which device is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum DeviceChoice {
    /// The first GPU if there is one, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number, from 0, or nothing.
    Cuda(usize),
}

/// The instructions that are wanted of a CPU.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct KernelChoice(pub Kernel);

impl Compute {
    /// This processor, with its fastest instructions.
    #[must_use]
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, kernel: Kernel::best() }
    }

    /// The device that `choice` names, if it is there.
    pub fn open(choice: DeviceChoice, kernel: Option<KernelChoice>) -> Result<Self, NoDevice> {
        let device = match choice {
            DeviceChoice::Cpu => Device::Cpu,
            DeviceChoice::Cuda(number) => gpu(number)?,
            DeviceChoice::Auto => gpu(0).unwrap_or(Device::Cpu),
        };
        let kernel = kernel.map_or_else(Kernel::best, |choice| choice.0);
        Ok(Self { device, kernel })
    }
}

/// What an operator reads in the log.
impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device.location() {
            candle_core::DeviceLocation::Cpu => write!(f, "cpu ({})", self.kernel),
            candle_core::DeviceLocation::Cuda { gpu_id } => {
                write!(f, "cuda:{gpu_id}")
            }
            candle_core::DeviceLocation::Metal { gpu_id } => write!(f, "metal:{gpu_id}"),
        }
    }
}

fn gpu(number: usize) -> Result<Device, NoDevice> {
    if !cfg!(feature = "cuda") {
        return Err(NoDevice::NotBuilt);
    }
    // The library that speaks with the driver panics where there is none.
    match std::panic::catch_unwind(|| Device::new_cuda(number)) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => {
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            Err(NoDevice::Failed { number, reason })
        }
        Err(_) => Err(NoDevice::Failed { number, reason: "there is no driver".to_owned() }),
    }
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoDevice {
    /// This program was built without CUDA.
    #[error("device: this program was built without CUDA; `make cuda` builds one that has it")]
    NotBuilt,
    /// The driver did not give it.
    #[error("device: cuda:{number} cannot be used: {reason}")]
    Failed {
        /// The GPU's number.
        number: usize,
        /// What the driver said.
        reason: String,
    },
}

/// A text that names no device.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}`: expected auto, cpu, or a GPU such as cuda:0")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let number = || name.strip_prefix("cuda:")?.parse().ok();
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            _ => number().map(Self::Cuda).ok_or_else(|| UnknownDevice(name.to_owned())),
        }
    }
}

impl FromStr for KernelChoice {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        name.parse().map(Self)
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = UnknownDevice;

    fn try_from(name: String) -> Result<Self, UnknownDevice> {
        name.parse()
    }
}

impl TryFrom<String> for KernelChoice {
    type Error = UnknownKernel;

    fn try_from(name: String) -> Result<Self, UnknownKernel> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_the_help_says() {
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cpu".parse(), Ok(DeviceChoice::Cpu));
        assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
        for name in ["gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", ""] {
            let error = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("cuda:0"), "{error}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_and_auto_does_without() {
        let open = |choice| Compute::open(choice, None);
        assert!(open(DeviceChoice::Cuda(999)).is_err());
        assert!(open(DeviceChoice::Auto).is_ok());
        assert_eq!(
            open(DeviceChoice::Cpu).unwrap().to_string(),
            format!("cpu ({})", Kernel::best())
        );
    }
}
