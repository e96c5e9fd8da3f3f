"""The five services of Anken and the chassis they stand on."""
