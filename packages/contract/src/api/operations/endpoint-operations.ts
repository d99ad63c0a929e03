import {
  EndpointCreateRequest,
  EndpointList,
  EndpointOperations,
  EndpointUpdateRequest,
  OneEndpoint,
} from '../endpoints.ts';
import { projectPath } from './api-operation.ts';
import type { ApiOperationGroup } from './api-operation.ts';

const endpointPath = `${projectPath}/endpoints/{endpoint_id}`;

export const endpointOperations: ApiOperationGroup = {
  name: 'Endpoints',
  operations: [
    {
      id: 'listProjectEndpoints',
      method: 'GET',
      path: `${projectPath}/endpoints`,
      summary: 'The endpoints of a project.',
      answers: { 200: EndpointList },
    },
    {
      id: 'createProjectEndpoint',
      method: 'POST',
      path: `${projectPath}/endpoints`,
      summary: 'Gives a branch an endpoint.',
      body: EndpointCreateRequest,
      answers: { 201: EndpointOperations },
    },
    {
      id: 'getProjectEndpoint',
      method: 'GET',
      path: endpointPath,
      summary: 'One endpoint.',
      answers: { 200: OneEndpoint },
    },
    {
      id: 'updateProjectEndpoint',
      method: 'PATCH',
      path: endpointPath,
      summary: 'Changes limits, settings and the name of an endpoint.',
      body: EndpointUpdateRequest,
      answers: { 200: EndpointOperations },
    },
    {
      id: 'deleteProjectEndpoint',
      method: 'DELETE',
      path: endpointPath,
      summary: 'Deletes an endpoint; 204 when it is already gone.',
      answers: { 200: EndpointOperations, 204: null },
    },
    {
      id: 'startProjectEndpoint',
      method: 'POST',
      path: `${endpointPath}/start`,
      summary: 'Starts the compute, as the next connection would.',
      answers: { 200: EndpointOperations },
    },
    {
      id: 'suspendProjectEndpoint',
      method: 'POST',
      path: `${endpointPath}/suspend`,
      summary: 'Stops the compute until the next connection.',
      answers: { 200: EndpointOperations },
    },
    {
      id: 'restartProjectEndpoint',
      method: 'POST',
      path: `${endpointPath}/restart`,
      summary: 'Stops the compute and starts it again.',
      answers: { 200: EndpointOperations },
    },
  ],
};
