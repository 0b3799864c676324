"""A grid of square cells over a small part of the earth, and metres between points."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

METRES_PER_DEGREE: Final = 111_320.0


class Grid:
    """Square cells over a rectangle; rows go north, columns go east, cells are numbered row by row.

    Parameters
    ----------
    bounds
        (west, south, east, north) in degrees.
    cell_m
        Side of a cell in metres. Flat-earth geometry at the middle latitude: good to a percent over 100 km.

    Raises
    ------
    ValueError
        For bounds that are turned round or not on earth, a side that is not positive, or more than a million cells.
    """

    def __init__(self, bounds: tuple[float, float, float, float], cell_m: float) -> None:
        west, south, east, north = (float(value) for value in bounds)
        if not (-180 <= west <= east <= 180 and -89 <= south <= north <= 89):
            raise ValueError(f"bounds are {bounds}, expected (west, south, east, north) in degrees")
        if not cell_m > 0:
            raise ValueError(f"cell_m is {cell_m}, expected metres above 0")
        self.bounds, self.cell_m = (west, south, east, north), float(cell_m)
        self.lat_step = cell_m / METRES_PER_DEGREE
        self.lon_step = cell_m / (METRES_PER_DEGREE * np.cos(np.radians((south + north) / 2)))
        self.rows = max(1, int(np.ceil((north - south) / self.lat_step)))
        self.columns = max(1, int(np.ceil((east - west) / self.lon_step)))
        self.cells = self.rows * self.columns
        if self.cells > 1_000_000:
            raise ValueError(
                f"{self.cells} cells of {cell_m} m over {bounds}; expected at most 1000000, use larger cells"
            )

    def position(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (row, column) as fractions of a cell from the south-west corner."""
        row = (np.asarray(lat, dtype=np.float64) - self.bounds[1]) / self.lat_step
        column = (np.asarray(lon, dtype=np.float64) - self.bounds[0]) / self.lon_step
        return row, column

    def cell_of(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
        """Return the cell of each point; -1 outside."""
        row, column = self.position(lon, lat)
        # The northern and eastern edges belong to the last cells.
        r = np.where(row == self.rows, self.rows - 1, np.floor(np.nan_to_num(row, nan=-1.0)))
        c = np.where(column == self.columns, self.columns - 1, np.floor(np.nan_to_num(column, nan=-1.0)))
        inside = (r >= 0) & (r < self.rows) & (c >= 0) & (c < self.columns)
        cell = np.where(inside, r, 0).astype(np.int64) * self.columns + np.where(inside, c, 0).astype(np.int64)
        return np.where(inside, cell, -1)

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (lon, lat) of the middle of every cell, each (cells,)."""
        row, column = np.divmod(np.arange(self.cells), self.columns)
        return self.bounds[0] + (column + 0.5) * self.lon_step, self.bounds[1] + (row + 0.5) * self.lat_step

    def cell_ids(self) -> list[str]:
        """Return the name of every cell, such as ``r012c034``."""
        return [f"r{cell // self.columns:03d}c{cell % self.columns:03d}" for cell in range(self.cells)]


def distance_m(lon: ArrayLike, lat: ArrayLike, to_lon: float, to_lat: float) -> NDArray[np.float64]:
    """Return flat-earth distances in metres, good to a percent within 100 km.

    >>> distance_m([121.47, 121.48], 31.23, 121.47, 31.23).round().tolist()
    [0.0, 952.0]
    """
    north = (np.asarray(lat, dtype=np.float64) - to_lat) * METRES_PER_DEGREE
    east = (np.asarray(lon, dtype=np.float64) - to_lon) * METRES_PER_DEGREE * np.cos(np.radians(to_lat))
    distance: NDArray[np.float64] = np.hypot(north, east)
    return distance
