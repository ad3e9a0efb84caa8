//! The CPU's layers against candle's, which know nothing of them.

use candle_core::{DType, Device};
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
fn memory_is_used_again_by_maps_of_nearly_its_size() {
    let buffers = Buffers::default();
    drop((buffers.take(10).unwrap(), buffers.take(20).unwrap()));
    let again = buffers.take(15).unwrap();
    assert_eq!((again.tensor().elem_count(), buffers.free()), (20, vec![10]));
    drop(again);
    let small = buffers.take(4).unwrap();
    assert_eq!((small.tensor().elem_count(), buffers.free()), (4, vec![10, 20]));
    let _longer = buffers.take(30).unwrap();
    assert_eq!(buffers.free(), Vec::<usize>::new(), "the others made room");
    drop(small);
    assert_eq!(buffers.free(), [4]);
    buffers.clear();
    assert_eq!(buffers.free(), Vec::<usize>::new());
}

#[test]
fn at_most_a_quarter_more_memory_is_held_than_was_once_in_use() {
    let buffers = Buffers::default();
    let (mut maps, mut most, mut random) = (Vec::new(), 0, 1_usize);
    for _ in 0..5000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let number = random >> 40;
        if maps.len() < 8 && number.is_multiple_of(2) {
            maps.push(buffers.take(1 + number % 997).unwrap());
        } else if !maps.is_empty() {
            maps.swap_remove(number % maps.len());
        }
        let in_use: usize = maps.iter().map(|map| map.tensor().elem_count()).sum();
        most = most.max(in_use);
        let held = in_use + buffers.free().iter().sum::<usize>();
        assert!(held <= most + most / 4, "{held} values of {most}");
    }
}
