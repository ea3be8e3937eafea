"""Run by tests/sim/core/test_h5.c on its sample: what h5py and xarray see is what was written."""
import sys
import h5py
import numpy as np
import xarray as xr

path = sys.argv[1]
with h5py.File(path) as f:
    p = f["points"]
    assert f.attrs["seed"] == -2**63 + 1
    assert f.attrs["config_json"] == "c" * 100000
    assert p.attrs["description"] == "one value a configuration"
    assert p["cost_usd_month"].attrs["units"] == "USD/month"
    assert "units" not in p["i64"].attrs
    assert [h5py.h5ds.is_scale(p[n].id) for n in ("point", "time", "queue")] == [True, True, False]
    assert p["queue"].dims[0][0].name == "/points/point" and p["queue"].dims[1][0].name == "/points/time"
    assert [s.decode() for s in p["platform"][:]] == ["modal", "", "caf\u00e9 \U0001f680"]
    for name, dtype in dict(i64="<i8", u64="<u8", u32="<u4", u16="<u2", u8="u1", queue="<f8").items():
        assert p[name].dtype == np.dtype(dtype), name
    assert p["u64"][2] == 2**64 - 1 and p["i64"][0] == -2**63 and p["queue"][2, 3] == 23

for engine in ("h5netcdf", None):  # None: the engine that xarray picks by itself
    with xr.open_dataset(path, group="points", engine=engine) as d:
        assert dict(d.sizes) == {"point": 3, "time": 4}, d.sizes
        assert d["queue"].dims == ("point", "time") and d["cost_usd_month"].dims == ("point",)
        assert d["cost_usd_month"].attrs["units"] == "USD/month"
        assert d["cost_usd_month"].attrs["description"] == "monthly cost"
        assert float(d["queue"].sel(point=2, time=120.0)) == 22
        assert float(d["cost_usd_month"][0]) == 12.5
