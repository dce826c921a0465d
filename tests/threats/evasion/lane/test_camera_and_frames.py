"""The renderer against a pinhole projection written down a second time, and what must not change a frame."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from casemate.threats.evasion.lane.camera import FOCAL, HEIGHT, MIDDLE, WIDTH, Cameras, ground, pixels, project
from casemate.threats.evasion.lane.drive import placed
from casemate.threats.evasion.lane.render import View, expose, survey
from casemate.threats.evasion.lane.scenes import Scenes, draw
from casemate.threats.evasion.lane.stickers import BLACK, WHITE, Reach, Stickers, cover, scattered, sized


def pinhole(cameras: Cameras, which: int, points: np.ndarray) -> np.ndarray:
    """Pixels of (m, 3) points in the car's frame, by rotations about fixed axes and a camera matrix."""
    yaw, pitch, roll = (float(each[which]) for each in (cameras.yaw, cameras.pitch, cameras.roll))
    mounted = Rotation.from_euler("ZYX", [yaw, pitch, -roll]).as_matrix()  # positive roll lowers the left side
    local = (points - [0, 0, float(cameras.above[which])]) @ mounted
    matrix = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, MIDDLE], [0, 0, 1]])
    seen = np.stack([-local[:, 1], -local[:, 2], local[:, 0]]) / local[:, 0]
    return (matrix @ seen)[:2].T


def views(count: int, seed: int = 0) -> tuple[Scenes, View]:
    scenes = draw(seed, "training", range(count))
    generator = torch.Generator().manual_seed(seed)
    along = 20 + 60 * torch.rand(count, generator=generator)
    across = 3 * torch.rand(count, generator=generator) - 1.5
    turned = 0.2 * torch.rand(count, generator=generator) - 0.1
    return scenes, survey(scenes, placed(scenes, along, across, turned), along)


def test_points_of_the_ground_appear_where_the_pinhole_puts_them() -> None:
    cameras = draw(3, "judging", range(30)).cameras
    points = np.stack([np.linspace(4, 50, 20), np.linspace(-6, 6, 20), np.zeros(20)], 1)
    forward, left = (torch.tensor(points[:, axis], dtype=torch.float32).expand(30, -1) for axis in (0, 1))
    seen = project(cameras, forward, left) + torch.tensor([(WIDTH - 1) / 2, MIDDLE])
    for which in range(30):
        assert np.abs(seen[which].numpy() - pinhole(cameras, which, points)).max() < 1e-3


def test_the_ground_of_a_pixel_projects_back_into_it() -> None:
    cameras = draw(3, "judging", range(5)).cameras
    at = ground(cameras)
    back = project(cameras, at.forward, at.left)
    near = (at.forward > 2) & (at.forward < 60) & (at.left.abs() < 50)
    assert near.float().mean() > 0.6
    assert (back - pixels()).abs()[near].max() < 0.01


def test_road_coordinates_of_pixels_agree_with_the_projection_of_road_points() -> None:
    scenes, view = views(12)
    rows, columns = np.meshgrid(np.arange(HEIGHT)[14:], np.arange(WIDTH)[::10], indexing="ij")
    wanted = np.column_stack([columns.ravel(), rows.ravel()])
    for which in range(12):
        # the view's roads are in the car's frame, built from nodes; the pinhole knows nothing of either
        along, across = (each[which, 14:, ::10].reshape(1, -1).expand(12, -1) for each in (view.along, view.across))
        points = np.column_stack([view.roads.place(along, across)[which].numpy(), np.zeros(len(wanted))])
        assert np.abs(pinhole(scenes.cameras, which, points) - wanted).max() < 0.01


def test_boxes_never_miss_a_pixel_that_a_sticker_touches() -> None:
    _, view = views(40, seed=5)
    reach = Reach(count=4, long=4.0, wide=0.8, first=15.0, last=110.0)
    stickers = scattered(reach, torch.rand(40, 4, 20, generator=torch.Generator().manual_seed(1)))
    deep, wide = (each.view(view.along.shape) for each in (view.at.deep, view.at.wide))
    whole = torch.tensor([0, HEIGHT, 0, WIDTH]).expand(40, 4, 4)
    dense = cover(view.bare, view.along, view.across, deep, wide, stickers, whole)
    # what lies in the haze is not seen
    dense = torch.where(view.at.seen.view(dense.shape) > 0, dense, view.bare)
    sparse = cover(view.bare, view.along, view.across, deep, wide, stickers, view.boxes(stickers))
    sparse = torch.where(view.at.seen.view(dense.shape) > 0, sparse, view.bare)
    assert (dense != view.bare).float().mean() > 0.01
    assert torch.allclose(dense, sparse, atol=1e-5)


def test_only_pixels_under_a_sticker_change_and_the_upper_one_hides_the_lower() -> None:
    _, view = views(6)
    ahead = view.along[:, HEIGHT - 8, WIDTH // 2].mean()
    deep, wide = (each.view(view.along.shape) for each in (view.at.deep, view.at.wide))
    size = torch.tensor([[[6.0, 1.0], [6.0, 1.0]]]).expand(6, 2, 2)
    place = torch.stack([view.along[:, HEIGHT - 8, WIDTH // 2], view.across[:, HEIGHT - 8, WIDTH // 2]], -1)
    prints = torch.tensor([BLACK, WHITE]).view(1, 2, 1, 1).expand(6, 2, 1, 1)
    stickers = Stickers(place[:, None].expand(6, 2, 2), prints, size)
    covered = cover(view.bare, view.along, view.across, deep, wide, stickers, view.boxes(stickers))
    inside = (view.along - place[:, :1, None]).abs() + deep / 2 < 3
    inside &= (view.across - place[:, 1:, None]).abs() + wide / 2 < 0.5
    outside = (view.along - place[:, :1, None]).abs() - deep / 2 > 3
    outside |= (view.across - place[:, 1:, None]).abs() - wide / 2 > 0.5
    assert ahead > 0
    assert inside.any()
    assert torch.allclose(covered[inside], torch.tensor(WHITE), atol=1e-5)
    assert torch.equal(covered[outside], view.bare[outside])


def test_the_gradient_of_grays_and_places_is_that_of_finite_differences() -> None:
    _, view = views(4, seed=2)
    reach = Reach(count=2, long=4.0, wide=1.0, first=15.0, last=110.0)
    middle = torch.stack([view.along[:, 24, 36], view.across[:, 24, 36]], -1).double()
    places = torch.stack([middle, middle + torch.tensor([2.0, 0.6])], 1)
    prints = 0.2 + 0.5 * torch.rand(4, 2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sizes = torch.tensor([reach.long, reach.wide], dtype=torch.float64).expand(4, 2, 2)
    fields = [each.double() for each in (view.bare, view.along, view.across)]
    feet = [each.view(view.along.shape).double() for each in (view.at.deep, view.at.wide)]
    weights = torch.rand(view.bare.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    boxes = view.boxes(Stickers(places.float(), prints.float(), sizes.float()))

    def light(places: torch.Tensor, prints: torch.Tensor) -> torch.Tensor:
        return (weights * cover(*fields, *feet, Stickers(places, prints, sizes), boxes)).sum()

    places, prints = places.requires_grad_(True), prints.requires_grad_(True)
    gradients = torch.autograd.grad(light(places, prints), (places, prints))
    generator = torch.Generator().manual_seed(4)
    for number, (value, gradient) in enumerate(zip((places, prints), gradients, strict=True)):
        for _ in range(8):
            way = torch.randn(value.shape, dtype=torch.float64, generator=generator) * 1e-6
            with torch.no_grad():
                ends = []
                for sign in (1, -1):
                    moved = [places, prints]
                    moved[number] = value + sign * way
                    ends.append(light(*moved))
            slope = (ends[0] - ends[1]) / 2
            assert torch.isclose(slope, (gradient * way).sum(), rtol=1e-4, atol=1e-10)


def test_gradients_pass_light_blur_and_eight_bits() -> None:
    scenes, view = views(6, seed=7)
    place = torch.stack([view.along[:, 24, 40], view.across[:, 24, 40]], -1)[:, None]
    prints = torch.full((6, 1, 2, 2), 0.4, requires_grad=True)
    stickers = Stickers(place, prints, torch.tensor([4.0, 1.0]).expand(6, 1, 2))
    frames = expose(scenes, view, stickers)
    assert torch.equal(frames, (frames * 255).round() / 255)
    (gradient,) = torch.autograd.grad(frames.sum(), prints)
    with torch.no_grad():
        brighter = expose(scenes, view, Stickers(place, prints + 0.1, stickers.sizes))
        darker = expose(scenes, view, Stickers(place, prints - 0.1, stickers.sizes))
    slope = (brighter - darker).sum((1, 2, 3)) / 0.2
    assert (slope > 5).all()
    # an eighth of a percent of each pixel's 256 levels is rounded; the sum over pixels averages that out
    assert torch.allclose(slope, gradient.sum((1, 2, 3)), rtol=0.02)


def test_a_frame_is_the_same_in_every_batch() -> None:
    scenes, view = views(8)
    rows = torch.tensor([6, 2])
    assert torch.allclose(expose(scenes, view)[rows], expose(scenes.chosen(rows), view.chosen(rows)), atol=1 / 254)


def test_sized_is_the_reach() -> None:
    reach = Reach()
    assert torch.equal(
        sized(reach, torch.zeros(1, 3, 2), torch.zeros(1, 3, 6, 3)).sizes[0, 0], torch.tensor([3.0, 0.6])
    )
