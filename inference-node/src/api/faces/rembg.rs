//! `POST /api/remove`, as the server of rembg 2.0.86 takes it.
//!
//! `extras` reaches into rembg's sessions and is not taken; `dc`, `vm` and the models that are not served
//! here are not either. The policy says so before the node has to.

use filter::Route;
use filter::envelope::Field;

use super::{colour, is_set};
use crate::api::background::{Asked, Face, Order, write_picture};
use crate::api::error::ApiError;
use crate::image::finish::Finish;
use crate::models::background::matting::Thresholds;
use crate::models::background::{Backdrop, Shape, Wanted};

/// Where it is taken.
const PATH: &str = "/api/remove";

pub(super) const FACE: Face = Face { read, write: write_picture };

/// Whether a policy lets clients of this route ask for alpha matting.
pub(crate) fn takes_matting(route: &Route) -> bool {
    let is_asked = |field: &Field| {
        let may_be = |value: &String| is_set(Some(value));
        field.name == "a" && (field.values.is_empty() || field.values.iter().any(may_be))
    };
    let fields = route.query.iter().flatten();
    let fields = fields.chain(route.form.iter().flat_map(|form| &form.fields));
    route.path == PATH && { fields }.any(is_asked)
}

fn read(asked: &Asked<'_>) -> Result<Order, ApiError> {
    let model = asked.model(asked.text("model")?)?;
    let number = |name, usual: u8| {
        let expected = "a number from 0 to 255";
        let read = |text: &str| text.parse().map_err(|_| ApiError::Parameter { name, expected });
        asked.text(name)?.map_or(Ok(usual), read)
    };
    let usual = Thresholds::default();
    let thresholds = Thresholds {
        foreground: number("af", usual.foreground)?,
        background: number("ab", usual.background)?,
        erosion: number("ae", usual.erosion)?,
    };
    let expected = "red,green,blue,alpha, each from 0 to 255";
    let backdrop = match asked.text("bgc")? {
        None | Some("") => Backdrop::Nothing,
        Some(text) => colour::listed(text)
            .map(Backdrop::Faded)
            .ok_or(ApiError::Parameter { name: "bgc", expected })?,
    };
    let shape = if is_set(asked.text("om")?) { Shape::Mask } else { Shape::Cutout };
    let smooth = is_set(asked.text("ppm")?);
    // A mask alone is not refined there either.
    let is_refined = is_set(asked.text("a")?) && shape == Shape::Cutout;
    Ok(Order {
        model,
        wanted: Wanted { shape, smooth, backdrop },
        matting: is_refined.then_some(thresholds),
        finish: Finish::default(),
        json: false,
    })
}
