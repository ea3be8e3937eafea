/* sim/core/files/h5_integrity.h - is an HDF5 file what was written? HDF5 1.10 trusts what it reads: one changed byte in
 * its heap of strings makes it crash or spin for ever. So our files end with a seal, a line of text beyond what HDF5
 * counts as the file, that holds a CRC-32 of all before it, and are not handed to HDF5 where it differs. (A user block
 * in front would serve as well, but xarray looks for the signature in the first eight bytes.) A file without a seal
 * (h5py's, or of an older keepwarm) is first read whole by a child process that may crash in our place. */
#ifndef KW_SIM_CORE_FILES_H5_INTEGRITY_H
#define KW_SIM_CORE_FILES_H5_INTEGRITY_H
#include "sim/core/status.h"

/* Appends the seal to a file that HDF5 has closed. KW_EIO with the system's reason. Costs one read of the file from the
 * page cache, about 1 GB/s. */
enum kw_status kw_h5_seal(const char *path, struct kw_error *err);

/* KW_OK: HDF5 may read the file. KW_EPARSE: it is damaged, or no HDF5. KW_EINPUT: it cannot be read. KW_EFAIL: no child
 * could be started. */
enum kw_status kw_h5_verify(const char *path, struct kw_error *err);

#endif
