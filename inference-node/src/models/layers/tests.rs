//! The CPU's layers against candle's, which know nothing of them.

use candle_core::Device;
use candle_nn::VarMap;

use super::*;

/// The same layer twice: with the kernels, and with candle's operations.
fn both(spec: Spec) -> (Conv, device::Conv, Workplace) {
    let parameters = VarMap::new();
    let weights = VarBuilder::from_varmap(&parameters, DType::F32, &Device::Cpu);
    let place = Workplace::new(&Compute::cpu());
    (Conv::new(spec, &weights, &place).unwrap(), device::Conv::new(spec, &weights).unwrap(), place)
}

fn planar(map: &Map, shape: (usize, usize, usize, usize)) -> Tensor {
    let map = on_host(map).unwrap();
    let values = map.planar().unwrap();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor) {
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    let difference = difference.max(0).unwrap().to_scalar::<f32>().unwrap();
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn a_layer_of_two_maps_and_a_residual_gives_what_candle_gives() {
    for dilation in [1, 2, 4] {
        let (ours, candle, place) = both(Spec { inputs: 32, outputs: 16, dilation, side: 20 });
        let maps =
            [(); 3].map(|()| Tensor::rand(-1_f32, 1.0, (2, 16, 21, 18), &Device::Cpu).unwrap());
        let [a, b, residual] = maps.each_ref().map(|map| place.map(map).unwrap());
        let got = ours.forward(&[&a, &b], Some(&residual)).unwrap();
        let [a, b, residual] = maps.map(Map::Device);
        let expected = candle.forward(&[&a, &b], Some(&residual)).unwrap();
        assert_close(&planar(&got, (2, 16, 21, 18)), &expected);
    }
}

#[test]
fn pooling_and_resizing_give_what_candle_gives() {
    let place = Workplace::new(&Compute::cpu());
    let image = Tensor::rand(-1_f32, 1.0, (2, 5, 12, 8), &Device::Cpu).unwrap();
    let map = place.map(&image).unwrap();
    assert_close(&planar(&map.max_pool().unwrap(), (2, 5, 6, 4)), &image.max_pool2d(2).unwrap());
    for size in [(24, 16), (5, 9), (12, 8), (13, 40)] {
        let expected = image.upsample_bilinear2d(size.0, size.1, false).unwrap();
        assert_close(&planar(&map.resize(size).unwrap(), (2, 5, size.0, size.1)), &expected);
    }
}

#[test]
fn memory_is_used_again_and_never_more_of_it_than_was_once_in_use() {
    let buffers = Buffers::default();
    let first = buffers.take(10).unwrap();
    let second = buffers.take(20).unwrap();
    assert_eq!(buffers.free(), Vec::<usize>::new());
    drop((first, second));
    let again = buffers.take(15).unwrap();
    assert_eq!(again.tensor().elem_count(), 20);
    assert_eq!(buffers.free(), [10]);
    let longer = buffers.take(30).unwrap();
    assert_eq!(buffers.free(), Vec::<usize>::new(), "the shorter one made room");
    drop((again, longer));
    assert_eq!(buffers.free(), [20, 30]);
    buffers.clear();
    assert_eq!(buffers.free(), Vec::<usize>::new());
}
