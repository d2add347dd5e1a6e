// The server gives the package's module under this address: a browser knows no packages.
export { default } from 'uplot';
