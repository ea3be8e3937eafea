/* sim/core/files/h5disk.h - the HDF5 file driver that files are written through. HDF5 1.10 crashes while it closes a
 * file whose writes failed (full disk, file size limit), so this driver never tells it: the first failed write is
 * remembered for us, later ones are swallowed, and HDF5 closes in good order a file that we then throw away. */
#ifndef KW_SIM_CORE_FILES_H5DISK_H
#define KW_SIM_CORE_FILES_H5DISK_H
#include <hdf5.h>

/* Makes files created with this access list go through the driver. *failed must outlive the file: it is set to errno of
 * the first open, write, truncate or close that failed, and kept from then on. Negative on failure, as HDF5 does. */
herr_t kw_h5disk_use(hid_t access_list, int *failed);

#endif
