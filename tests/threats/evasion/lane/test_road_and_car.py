"""Roads and cars against closed forms."""

from __future__ import annotations

import math

import torch

from casemate.threats.evasion.lane.car import MOST_STEERING, STEERING_RATE, WHEELBASE, Cars, privileged
from casemate.threats.evasion.lane.drive import SECONDS, placed
from casemate.threats.evasion.lane.road import Roads, lay
from casemate.threats.evasion.lane.scenes import draw


def straight(count: int) -> Roads:
    none = torch.zeros(count, 1)
    return lay(none, none + 50, none, 120.0)


def test_a_straight_road_is_its_own_coordinates() -> None:
    along, across = torch.rand(3, 200) * 100 + 5, torch.rand(3, 200) * 8 - 4
    point = straight(3).place(along, across)
    assert torch.allclose(point[..., 0], along, atol=1e-4)
    assert torch.allclose(point[..., 1], across, atol=1e-5)


def test_a_road_of_one_wave_has_the_curvature_and_direction_of_its_sine() -> None:
    road = lay(torch.tensor([[0.01]]), torch.tensor([[80.0]]), torch.tensor([[0.4]]), 150.0)
    along = torch.arange(0, 150.5, 0.5)[None]
    rate = 2 * math.pi / 80
    assert torch.allclose(road.curvature(along), 0.01 * torch.sin(rate * along + 0.4), atol=1e-6)
    heading = 0.01 / rate * (math.cos(0.4) - torch.cos(rate * along + 0.4))
    assert torch.allclose(road.heading(along), heading, atol=1e-5)
    # the center line is as long as its coordinate says, and points where its heading says
    center = road.place(along, torch.zeros_like(along))[0]
    step = center[1:] - center[:-1]
    assert torch.allclose(step.norm(dim=1), torch.full((300,), 0.5), atol=1e-4)
    middle = road.heading(along[:, :-1] + 0.25)[0]
    assert torch.allclose(torch.atan2(step[:, 1], step[:, 0]), middle, atol=1e-3)


def test_places_are_found_again_from_a_guess_three_metres_off() -> None:
    roads = draw(1, "training", range(20)).roads
    along, across = torch.rand(20, 100) * 110 + 20, torch.rand(20, 100) * 10 - 5
    point = roads.place(along, across)
    found = roads.locate(point[..., 0], point[..., 1], along + torch.rand(20, 100) * 6 - 3)
    assert (found[0] - along).abs().max() < 1e-3
    assert (found[1] - across).abs().max() < 1e-3
    quick = roads.locate(point[..., 0], point[..., 1], along + torch.rand(20, 100) * 6 - 3, turns=1)
    assert (quick[0] - along).abs().max() < 0.02
    assert (quick[1] - across).abs().max() < 0.01


def cars(count: int = 1, steering: float = 0.0) -> Cars:
    zero = torch.zeros(count, dtype=torch.float64)
    return Cars(zero, zero, zero, zero + steering, zero + 12.5)


def test_a_car_that_steers_straight_stays_on_its_line() -> None:
    car = cars()
    for _ in range(50):
        car = car.drive(torch.zeros(1, dtype=torch.float64), SECONDS)
    assert float(car.x) == 12.5 * 50 * SECONDS
    assert float(car.y) == 0
    assert float(car.heading) == 0


def test_a_steady_wheel_drives_the_circle_of_the_bicycle_model() -> None:
    angle = 0.1
    radius = WHEELBASE / math.tan(angle)
    bend = torch.tensor([1 / radius], dtype=torch.float64)
    car = cars(steering=angle)
    for turn in range(1, 40):
        car = car.drive(bend, SECONDS)
        swept = 12.5 * SECONDS * turn / radius
        assert math.isclose(float(car.x), radius * math.sin(swept), abs_tol=1e-9)
        assert math.isclose(float(car.y), radius * (1 - math.cos(swept)), abs_tol=1e-9)
        assert math.isclose(float(car.heading), swept, abs_tol=1e-9)


def test_the_wheel_turns_only_so_fast_and_so_far() -> None:
    car, most = cars(), torch.tensor([9.0], dtype=torch.float64)
    for turn in range(1, 12):
        car = car.drive(most, SECONDS)
        assert math.isclose(float(car.steering), min(turn * STEERING_RATE * SECONDS, MOST_STEERING), abs_tol=1e-12)


def test_the_privileged_driver_comes_back_to_the_center_of_a_curved_road() -> None:
    scenes = draw(0, "training", range(50))
    zero = torch.zeros(50)
    along, across = zero + 20, torch.linspace(-1.5, 1.5, 50)
    car = placed(scenes, along, across, zero)
    most = zero
    for _ in range(60):
        turned = car.heading - scenes.roads.heading(along[:, None])[:, 0]
        car = car.drive(privileged(across, turned, scenes.roads.curvature((along + 4)[:, None])[:, 0]), SECONDS)
        along, across = (
            each[:, 0] for each in scenes.roads.locate(car.x[:, None], car.y[:, None], along[:, None] + 1.2)
        )
        most = torch.maximum(most, across.abs())
    assert across.abs().max() < 0.25
    assert most.max() < 1.9
