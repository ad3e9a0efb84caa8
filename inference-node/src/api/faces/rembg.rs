//! `POST /api/remove`, as the server of rembg 2.0.86 takes it.
//!
//! `extras` reaches into rembg's sessions and is not taken; `dc`, `vm` and the models that are not served
//! here are not either. The policy says so before the node has to.

use super::{colour, is_set};
use crate::api::background::{Asked, Face, Order, write_picture};
use crate::api::error::ApiError;
use crate::image::finish::Finish;
use crate::models::background::{Backdrop, Shape, Wanted};

pub(super) const FACE: Face = Face { read, write: write_picture };

fn read(asked: &Asked<'_>) -> Result<Order, ApiError> {
    if asked.text("model")?.is_some_and(|model| model != asked.model) {
        return Err(ApiError::OtherModel(asked.model));
    }
    for name in ["af", "ab", "ae"] {
        let number = |text: &str| text.parse::<u8>().is_ok();
        if !asked.text(name)?.is_none_or(number) {
            return Err(ApiError::Parameter { name, expected: "a number from 0 to 255" });
        }
    }
    if is_set(asked.text("a")?) {
        let expected = "false: there is no alpha matting here";
        return Err(ApiError::Parameter { name: "a", expected });
    }
    let expected = "red,green,blue,alpha, each from 0 to 255";
    let backdrop = match asked.text("bgc")? {
        None | Some("") => Backdrop::Nothing,
        Some(text) => colour::listed(text)
            .map(Backdrop::Faded)
            .ok_or(ApiError::Parameter { name: "bgc", expected })?,
    };
    let shape = if is_set(asked.text("om")?) { Shape::Mask } else { Shape::Cutout };
    let smooth = is_set(asked.text("ppm")?);
    Ok(Order { wanted: Wanted { shape, smooth, backdrop }, finish: Finish::default(), json: false })
}
